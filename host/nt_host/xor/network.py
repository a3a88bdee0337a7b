"""The XOR network as a chip image: two input neurons that inhibit each other's train, one output neuron.

A one is a train of eight spikes in ten steps, a zero an empty one. An input neuron takes +7 from its own train and -3
from the other one: alone it fires at every second spike of its train, four times; with both trains each input neuron
gets +4 a step and fires at every fourth, twice, at the same steps as the other. The output neuron fires at every step
in which an input neuron fires, so it counts 4 where the inputs differ and 2 where both are one.

The paper's own weights are not known here; these are chosen in the array's format, with thresholds half-way between
the sums that must and must not fire.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer, compile_network
from nt_host.encode import encode
from nt_model.devices import DEVICES
from nt_model.image import EncoderSpec, Image

N_STEPS = 10
EVENTS_OF_ONE = 8
LEAST_SPIKES_OF_ONE = 3
"""An output of fewer spikes is a 0 (the paper, section 6.2)."""
PAPER_COUNTS = (2, 4)
"""The paper's output counts of a 0 and of a 1."""
CASES = ((0, 0), (0, 1), (1, 0), (1, 1))
OWN_LSB, OTHER_LSB, OUTPUT_LSB = 7, -3, 7
INPUT_THRESHOLD_LSB, OUTPUT_THRESHOLD_LSB = 13.0, 4.0
ONE_Q8 = 256


def xor_image() -> Image:
    """The network as an image of two inputs, 2 + 1 neurons and T = 10 steps, with the leak of the devices."""
    leak = DEVICES.neuron.leak_shift
    no_bias = np.zeros(2, np.int64)
    layers = [
        NetworkLayer(
            np.array([[OWN_LSB, OTHER_LSB], [OTHER_LSB, OWN_LSB]]),
            no_bias,
            np.full(2, round(ONE_Q8 * INPUT_THRESHOLD_LSB)),
            leak=leak,
        ),
        NetworkLayer(
            np.array([[OUTPUT_LSB, OUTPUT_LSB]]),
            no_bias[:1],
            np.full(1, round(ONE_Q8 * OUTPUT_THRESHOLD_LSB)),
            leak=leak,
        ),
    ]
    encoder = EncoderSpec("rate", "none", 1, np.zeros(2, np.float32), np.ones(2, np.float32))
    metadata = {"source": "XOR with spike trains; weights chosen by hand"}
    return compile_network(layers, np.zeros(1, np.uint16), encoder, n_steps=N_STEPS, metadata=metadata)


def xor_events(image: Image) -> NDArray[np.uint8]:
    """Events of the four CASES, (4, T, 2) uint8."""
    features = np.array(CASES, np.float32) * np.float32(EVENTS_OF_ONE / N_STEPS)
    return encode(image.encoder, features, image.n_steps)


def logic_of(count: int) -> int:
    """What an output count means: 1 from three spikes up."""
    return int(count >= LEAST_SPIKES_OF_ONE)
