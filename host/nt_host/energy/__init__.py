"""Estimated energy of a run on the array, beside a CPU's and a GPU's from published figures."""
