"""Benchmarks of the simulator on the user's own machine, side by side with torch."""
