"""Command line: each file parses the options of one command and prints what the work behind it gives."""
