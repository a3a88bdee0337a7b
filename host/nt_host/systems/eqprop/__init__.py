"""Spiking equilibrium propagation: trained off-chip, put on the array, and its gain-only form as a local rule."""
