"""XOR with spike trains of length 10, as in section 6.2 of the paper, on every implementation of the array."""
