"""Power-aware operation: a bound on the array's standing power, and silent neurons at the lowest code."""
