"""The trained network on the array: frozen 4-bit weights, the array's own neurons, the settling loop closed outside.

The array runs feed-forward. Its first layer therefore gets the output's activity on input lines of its own, beside the
pixels, and the host closes the loop by presentations: it reads the output's spike counts of one presentation and gives
them, scaled, as event counts on these lines in the next. In the array are all neurons and all synapses, those of the
feedback too: its ROM columns hold the same integers as the output layer's rows (symmetric weights). Outside are the
ten counts between two presentations.

With W_k = step_k w_k (w_k integers in -7..7), pixels as round(L x) events per step and no leak, a neuron that spikes
once in `slowness` steps stands for an activity of 1:

    hidden threshold   slowness_1 L / step_1,        its bias  b_1 L / step_1,
    feedback events    L step_2 / step_1 * activity of the output neuron,
    output threshold   slowness_2 / (step_2 slowness_1),   its bias  b_2 / (step_2 slowness_1),

all in weight LSB. The array's neuron returns to 0 after a spike and drops what lay above the threshold, so its rate
falls short of the drive the more, the faster it spikes; slowness buys precision with time steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, Readout
from nt_host.compile import NetworkLayer, compile_network
from nt_host.encode import encode
from nt_host.systems.eqprop.network import FloatArray, Network
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec, Image

ONE_Q8 = 256
ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class ArrayForm:
    """How activities become events.

    Attributes:
        pixel_events: L, events per step of a full pixel, 1..255.
        slowness: steps per spike of a hidden and of an output neuron with activity 1.
        n_steps: time steps T of a presentation, 1..255.
    """

    pixel_events: int = 15
    slowness: tuple[float, float] = (4.0, 4.0)
    n_steps: int = 32


@dataclass(frozen=True, eq=False)
class ArrayNetwork:
    """The image, and what turns counts into activities: `full_counts`, spikes per presentation of a hidden and of an
    output neuron with activity 1."""

    image: Image
    full_counts: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Activities:
    """Activities of one presentation, in units of the network's: `hidden` (B, n_1), `output` (B, n_2) float32, not
    bounded by 1."""

    hidden: FloatArray
    output: FloatArray


def array_network(network: Network, form: ArrayForm) -> ArrayNetwork:
    """Compile a network of one hidden layer with rounded weights.

    Raises UsageError where the weights are floats or an integer does not fit the array.
    """
    if len(network.steps) != 2:
        raise UsageError(
            "the array takes one hidden layer and rounded weights",
            evidence=f"{len(network.weights)} layers, {len(network.steps)} of them rounded",
            next_step="train with `levels` 7 and one hidden layer",
        )
    steps = network.steps
    w_1, w_2 = (np.rint(weight / step).astype(np.int64) for weight, step in zip(network.weights, steps, strict=True))
    unit_1 = form.pixel_events / steps[0]
    unit_2 = 1 / (steps[1] * form.slowness[0])
    n_pixels, n_outputs = w_1.shape[0], w_2.shape[1]
    # The encoder has a line for the negative part of every feature: no pixel uses its own, a feedback may.
    lines = np.zeros((2, n_pixels + n_outputs, w_1.shape[1]), np.int64)
    lines[0, :n_pixels], lines[0, n_pixels:], lines[1, n_pixels:] = w_1, w_2.T, -w_2.T
    hidden = _layer(lines.reshape(-1, w_1.shape[1]).T, network.biases[0] * unit_1, form.slowness[0] * unit_1)
    output = _layer(w_2.T, network.biases[1] * unit_2, form.slowness[1] * unit_2)
    scale = np.ones(n_pixels + n_outputs, np.float32)
    scale[n_pixels:] = steps[1] / steps[0]
    encoder = EncoderSpec("count", "none", form.pixel_events, np.zeros_like(scale), scale)
    image = compile_network((hidden, output), np.arange(n_outputs, dtype=np.uint16), encoder, n_steps=form.n_steps)
    return ArrayNetwork(image, (form.n_steps / form.slowness[0], form.n_steps / form.slowness[1]))


def _layer(weight: NDArray[np.int64], bias: FloatArray, threshold: float) -> NetworkLayer:
    whole = np.rint(bias).astype(np.int64)
    return NetworkLayer(weight, whole, np.full(len(weight), round(threshold * ONE_Q8), np.int64))


def present(chip: Chip, on_array: ArrayNetwork, x: FloatArray, feedback: FloatArray) -> Activities:
    """One presentation of pixels `x` (B, n_0) in 0..1 with `feedback` (B, n_2) on the feedback lines."""
    events = encode(on_array.image.encoder, np.concatenate([x, feedback], axis=1), on_array.image.n_steps)
    counts = chip.present(events, Readout(hidden=True)).plain
    hidden, output = (
        count.astype(np.float32) / np.float32(full) for count, full in zip(counts, on_array.full_counts, strict=True)
    )
    return Activities(hidden, output)


def settled(chip: Chip, on_array: ArrayNetwork, x: FloatArray, n_presentations: int) -> tuple[Activities, FloatArray]:
    """The free phase: `n_presentations` presentations, the first without feedback, each next with the mean of the
    output's activity (at most 1) and what stood on the lines before. Gives the last and the feedback it had."""
    feedback = np.zeros((len(x), on_array.image.n_classes), np.float32)
    seen = present(chip, on_array, x, feedback)
    for number in range(1, n_presentations):
        sent = np.minimum(seen.output, 1)
        feedback = sent if number == 1 else (feedback + sent) / 2
        seen = present(chip, on_array, x, feedback)
    return seen, feedback
