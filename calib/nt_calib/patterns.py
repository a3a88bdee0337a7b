"""Which events to drive a layer with, so that every neuron crosses its threshold at codes all over the range.

One set of events drives all neurons of a layer at once, each by its own weights; a candidate serves those whose drive
would cross the threshold at some code. Candidates are random and sparse; a greedy choice takes the one that serves
most of what is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nt_calib.law import log_nominal_gain
from nt_calib.reads import relative_drive
from nt_model.image import Layer
from nt_model.stimulus import Stimulus

FloatArray = NDArray[np.float64]

MAX_INPUTS = 128
"""Events on more inputs than that do not fit the smallest frame."""
CANDIDATES_PER_PATTERN = 6
BINS = (24, 72, 104, 128, 152, 192, 240)
"""Edges, in nominal codes, of the ranges in which every neuron should have crossings."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """Events and what they mean for each neuron: `stimulus` (one repeat), `drive` (N,), `code` (N,) float64: nominal
    code of the crossing, nan outside the range of `BINS`."""

    stimulus: Stimulus
    drive: FloatArray
    code: FloatArray

    @property
    def serves(self) -> NDArray[np.bool_]:
        """Neurons that this pattern tells something of, (N,)."""
        return np.isfinite(self.code)


def crossing_code(drive: FloatArray, gain_q12: NDArray[np.uint16]) -> FloatArray:
    """Nominal code at which drive * gain is 1, any shape, nan where none within the range of `BINS` is."""
    code = np.arange(256)
    wanted = -np.log(np.where(drive > 0, drive, np.nan))
    found = np.interp(wanted, log_nominal_gain(gain_q12, code.astype(np.float64)), code)
    return np.where((found > BINS[0]) & (found < BINS[-1]) & (drive > 0), found, np.nan)


def _candidate(layer: Layer, index: int, rng: np.random.Generator) -> Stimulus:
    """Random events whose sums are of the size of the thresholds, of either sign."""
    size = float(np.median(np.abs(layer.threshold_q8))) / 256.0 * float(rng.uniform(0.5, 3.0))
    weight_rms = max(0.5, float(np.sqrt(np.mean(layer.weight.astype(np.float64) ** 2))))
    fewest = int(np.ceil((size / (160.0 * weight_rms)) ** 2))
    most = max(1, min(MAX_INPUTS, layer.n_inputs))
    count = int(np.clip(fewest * rng.integers(1, 9), 1, most))
    inputs = np.sort(rng.choice(layer.n_inputs, count, replace=False)).astype(np.int64)
    level = size / (weight_rms * np.sqrt(count))
    events = np.clip(np.rint(level * rng.uniform(0.5, 1.5, count)), 1, 255).astype(np.uint8)
    return Stimulus(index, inputs, events)


def _pattern(layer: Layer, gain_q12: NDArray[np.uint16], stimulus: Stimulus) -> Pattern:
    drive = relative_drive(layer, stimulus)
    return Pattern(stimulus, drive, crossing_code(drive, gain_q12))


def choose_patterns(layer: Layer, index: int, gain_q12: NDArray[np.uint16], count: int, seed: int) -> list[Pattern]:
    """`count` patterns for layer `index`; the same arguments give the same patterns.

    Neurons that no pattern serves (weights too small, or all of the wrong sign) are found by `Pattern.serves`. The
    choice depends on the image alone, so that many chips of one image share it.
    """
    return list(_chosen(layer, index, gain_q12.tobytes(), count, seed))


@lru_cache(maxsize=64)
def _chosen(layer: Layer, index: int, gain_bytes: bytes, count: int, seed: int) -> tuple[Pattern, ...]:
    gain_q12 = np.frombuffer(gain_bytes, np.uint16)
    rng = np.random.default_rng((seed, index, count))
    candidates = [
        _pattern(layer, gain_q12, _candidate(layer, index, rng)) for _ in range(count * CANDIDATES_PER_PATTERN)
    ]
    bins = np.stack([np.digitize(np.nan_to_num(one.code, nan=-1.0), BINS) for one in candidates])
    n_bins = len(BINS) - 1
    serves = (bins >= 1) & (bins <= n_bins)
    slot = np.where(serves, bins - 1, 0)
    had = np.zeros((layer.n_neurons, n_bins))
    neuron = np.arange(layer.n_neurons)
    free = np.ones(len(candidates), bool)
    chosen = []
    for _ in range(count):
        worth = (serves / (1.0 + had[neuron[None, :], slot]) ** 2).sum(axis=1)
        best = int(np.argmax(np.where(free, worth, -1.0)))
        free[best] = False
        had[neuron, slot[best]] += serves[best]
        chosen.append(candidates[best])
    return tuple(chosen)


def strong_patterns(layer: Layer, index: int, seed: int, count: int = 8) -> list[tuple[Stimulus, FloatArray]]:
    """Stimuli far above and far below the thresholds, with the drive of each neuron: they tell dead from weak."""
    rng = np.random.default_rng((seed, index, 0xFA))
    chosen: list[tuple[Stimulus, FloatArray]] = []
    most = max(1, min(MAX_INPUTS, layer.n_inputs))
    for _ in range(count):
        inputs = np.sort(rng.choice(layer.n_inputs, most, replace=False)).astype(np.int64)
        # Only the inputs that agree in sign with the sum of a random neuron: a strong drive for about half of all.
        lead = layer.weight[int(rng.integers(layer.n_neurons)), inputs]
        kept = inputs[lead > 0] if len(chosen) % 2 == 0 else inputs[lead < 0]
        if len(kept) == 0:
            kept = inputs
        stimulus = Stimulus(index, kept, np.full(len(kept), 255, np.uint8))
        chosen.append((stimulus, relative_drive(layer, stimulus)))
    return chosen
