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

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip
from nt_host.compile import NetworkLayer, compile_network
from nt_host.encode import encode
from nt_host.evaluate import plain_readout
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
    slowness: tuple[float, float] = (2.0, 2.0)
    n_steps: int = 16


@dataclass(frozen=True, eq=False)
class ArrayNetwork:
    """The image, and what turns counts into activities: `full_counts`, spikes per presentation of a hidden and of an
    output neuron with activity 1."""

    image: Image
    full_counts: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Shown:
    """What one presentation showed: spike `counts` of the hidden (B, n_1) and the output (B, n_2) neurons, uint8, the
    output's `membrane_q8` where the chip can read it, and the counts that stand for an activity of 1."""

    counts: tuple[ByteArray, ...]
    membrane_q8: NDArray[np.int32] | None
    full_counts: tuple[float, float]

    @property
    def hidden(self) -> FloatArray:
        """Activities of the hidden neurons, (B, n_1) float32, not bounded by 1."""
        return self.counts[0].astype(np.float32) / np.float32(self.full_counts[0])

    @property
    def output(self) -> FloatArray:
        """Activities of the output neurons, (B, n_2) float32, at most 1."""
        return np.minimum(self.counts[1].astype(np.float32) / np.float32(self.full_counts[1]), 1)


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


def present(chip: Chip, on_array: ArrayNetwork, x: FloatArray, feedback: FloatArray) -> Shown:
    """One presentation of pixels `x` (B, n_0) in 0..1 with `feedback` (B, n_2) on the feedback lines."""
    image = on_array.image
    events = encode(image.encoder, np.concatenate([x, feedback], axis=1), image.n_steps)
    response = chip.present(events, replace(plain_readout(chip.info), hidden=True))
    return Shown(response.plain, response.membrane_q8, on_array.full_counts)


def settled(chip: Chip, on_array: ArrayNetwork, x: FloatArray, n_presentations: int) -> list[Shown]:
    """The free phase: `n_presentations` >= 1 presentations, the first without feedback, the second with the output's
    activity in the first, each later one with the mean of the output's activity and what stood on the lines before."""
    feedback = np.zeros((len(x), on_array.image.n_classes), np.float32)
    shown = [present(chip, on_array, x, feedback)]
    for number in range(1, n_presentations):
        sent = shown[-1].output
        feedback = sent if number == 1 else np.float32(0.5) * (feedback + sent)
        shown.append(present(chip, on_array, x, feedback))
    return shown
