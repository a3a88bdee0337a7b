"""Random networks of the sizes that the benchmark is about, and batches of events to rotate over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nt_model.gain import nominal_gain
from nt_model.image import EncoderSpec, Image, Layer, own_domains
from nt_model.weights import PackedWeights

LARGE = (25088, 4096, 4096, 1000)
"""The classifier of the paper: 123.6 million synapses."""
SMALL = (784, 512, 256, 10)
MEAN_SQUARE = sum(w * w for w in range(-7, 8)) / 15
"""Of weights drawn evenly from -7..7."""


@dataclass(frozen=True)
class NetworkSpec:
    """`activity`: share of neurons that spike in one step when that share of the inputs does; `output_activity` the
    same of the last layer (0: as the others); `leak` shift per step."""

    sizes: tuple[int, ...]
    activity: float = 0.25
    output_activity: float = 0.0
    leak: int = 0


def _threshold_q8(inputs: int, activity: float, share: float) -> int:
    """Threshold that `share` of the neurons reach: sums of random weights are nearly normal."""
    deviation = float(np.sqrt(inputs * activity * MEAN_SQUARE))
    return max(1, int(256 * deviation * NormalDist().inv_cdf(1 - min(share, 0.5))))


@lru_cache(maxsize=2)
def _weights(sizes: tuple[int, ...], seed: int) -> tuple[PackedWeights, ...]:
    """Weights -7..7 of each layer; shared by the networks of one size."""
    rng = np.random.default_rng(seed)
    return tuple(PackedWeights.of(rng.integers(-7, 8, (above, below), np.int8)) for below, above in pairwise(sizes))


def random_image(spec: NetworkSpec, seed: int = 0) -> Image:
    """A network of `spec` with random 4-bit weights."""
    layers = []
    weights = _weights(spec.sizes, seed)
    for index, (packed, domain) in enumerate(zip(weights, own_domains(spec.sizes[1:]), strict=True)):
        neurons, inputs = packed.n_neurons, packed.n_inputs
        is_last = index == len(weights) - 1
        share = spec.output_activity if is_last and spec.output_activity else spec.activity
        threshold = _threshold_q8(inputs, spec.activity, share)
        layers.append(
            Layer(
                packed,
                np.zeros(neurons, np.int16),
                np.full(neurons, threshold, np.int32),
                domain,
                spec.leak,
            )
        )
    encoder = EncoderSpec("rate", "none", 1, np.zeros(spec.sizes[0], np.float32), np.ones(spec.sizes[0], np.float32))
    readout = np.arange(spec.sizes[-1], dtype=np.uint16)
    return Image(tuple(layers), nominal_gain(), readout, 1, encoder)


def batches(spec: NetworkSpec, batch: int, steps: int, count: int) -> list[NDArray[np.uint8]]:
    """`count` different batches (B, T, M) of binary events: repeated ones would train branch predictor and cache."""
    rng = np.random.default_rng(1)
    shape = (batch, steps, spec.sizes[0])
    return [(rng.random(shape, np.float32) < spec.activity).astype(np.uint8) for _ in range(count)]
