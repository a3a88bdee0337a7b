"""An Elman recurrent network for questions: trained, constrained, and run spiking with a delay line round the array."""
