"""The simulated chip and the device side of the protocol that it speaks."""
