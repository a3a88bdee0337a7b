"""The array's devices in a circuit simulator: netlists from the device parameters, held against the integers."""
