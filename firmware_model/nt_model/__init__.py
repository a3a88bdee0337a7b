"""Golden model of the neuron array: equations, chip image, gain law, silicon, learning step."""
