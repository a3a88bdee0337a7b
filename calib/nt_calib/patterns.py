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
LOG_DRIVE = (-0.65, 1.2)
"""Range of ln drive that candidates aim at: nominal crossings from code 240 down to code 24."""
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


def _candidate(layer: Layer, index: int, rng: np.random.Generator, leads: NDArray[np.int64]) -> Stimulus:
    """Random events that bring one of the neurons `leads` near its threshold; the others get what they get."""
    lead = int(rng.choice(leads))
    target = float(np.exp(rng.uniform(*LOG_DRIVE)))
    threshold = float(layer.threshold_q8[lead]) / 256.0
    missing = threshold * target - float(layer.bias[lead])
    helps = np.flatnonzero(layer.weight[lead] * np.sign(missing) > 0)
    pool = helps if len(helps) else np.arange(layer.n_inputs)
    mean_weight = max(1.0, float(np.mean(np.abs(layer.weight[lead, pool].astype(np.float64)))))
    fewest = int(np.ceil(abs(missing) / (200.0 * mean_weight)))
    count = int(np.clip(max(1, fewest) * rng.integers(1, 7), 1, min(MAX_INPUTS, len(pool))))
    inputs = np.sort(rng.choice(pool, count, replace=False)).astype(np.int64)
    level = abs(missing) / max(1.0, float(np.abs(layer.weight[lead, inputs].astype(np.int64)).sum()))
    events = np.clip(np.rint(level * rng.uniform(0.7, 1.3, count)), 1, 255).astype(np.uint8)
    return Stimulus(index, inputs, events)


def _pattern(layer: Layer, gain_q12: NDArray[np.uint16], stimulus: Stimulus) -> Pattern:
    drive = relative_drive(layer, stimulus)
    return Pattern(stimulus, drive, crossing_code(drive, gain_q12))


def choose_patterns(
    layer: Layer,
    index: int,
    gain_q12: NDArray[np.uint16],
    count: int,
    seed: int,
    wanted: NDArray[np.bool_] | None = None,
) -> list[Pattern]:
    """`count` patterns for layer `index`; the same arguments give the same patterns.

    Neurons that no pattern serves (weights too small, or all of the wrong sign) are found by `Pattern.serves`. The
    choice depends on the image alone, so that many chips of one image share it.

    Args:
        wanted: (N,) bool, neurons to be served; None: all.
    """
    served = np.ones(layer.n_neurons, bool) if wanted is None else wanted
    return list(_chosen(layer, index, gain_q12.tobytes(), count, seed, served.tobytes()))


@lru_cache(maxsize=64)
def _chosen(
    layer: Layer, index: int, gain_bytes: bytes, count: int, seed: int, served_bytes: bytes
) -> tuple[Pattern, ...]:
    gain_q12, served = np.frombuffer(gain_bytes, np.uint16), np.frombuffer(served_bytes, bool)
    rng = np.random.default_rng((seed, index, count))
    leads = np.flatnonzero(served)
    candidates = [
        _pattern(layer, gain_q12, _candidate(layer, index, rng, leads)) for _ in range(count * CANDIDATES_PER_PATTERN)
    ]
    bins = np.stack([np.digitize(np.nan_to_num(one.code, nan=-1.0), BINS) for one in candidates])
    n_bins = len(BINS) - 1
    serves = (bins >= 1) & (bins <= n_bins) & served
    slot = np.where(serves, bins - 1, 0)
    had = np.zeros((layer.n_neurons, n_bins))
    neuron = np.arange(layer.n_neurons)
    free = np.ones(len(candidates), bool)
    chosen = []
    for _ in range(count):
        # A neuron without any pattern comes first, one without any in this range of codes next.
        lacking = 1.0 / (1.0 + had[neuron[None, :], slot]) ** 2 + 3.0 / (1.0 + had.sum(axis=1)) ** 2
        best = int(np.argmax(np.where(free, (serves * lacking).sum(axis=1), -1.0)))
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
