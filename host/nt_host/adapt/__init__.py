"""The learning loop: present, learn, write codes; stop early, survive a kill, resume to the same codes."""
