"""Hardware in the loop: the Chip interface, the wire protocol, links, and the simulated chip."""
