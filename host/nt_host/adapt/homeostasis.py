"""Homeostasis: unlabelled samples bring every hidden neuron back to the spike rate that it had at the source.

A neuron that ageing sensors drive too hard or not at all says nothing whatever its labels are. Its rate needs no
label: each round moves its code by the rate that is missing,

    code += clip(((wanted - seen) * GAIN_CODE) / n, -MOST_CODE, MOST_CODE)      (integers, towards zero)

with `wanted` and `seen` counted over n samples. Output neurons are left alone: their rates follow the mix of classes,
which may well have changed. The idea is old: Turrigiano and Nelson 2004, Nature Reviews Neuroscience 5, 97.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, Readout
from nt_host.move_codes import move_codes
from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]

GAIN_CODE = 64
MOST_CODE = 8
MOST_SAMPLES = 256
_STREAM = 4


def some(x: ByteArray, seed: int) -> ByteArray:
    """At most MOST_SAMPLES of the samples `x`, drawn at random with `seed`."""
    if len(x) <= MOST_SAMPLES:
        return x
    rows = np.random.default_rng([seed, _STREAM]).permutation(len(x))[:MOST_SAMPLES]
    return x[np.sort(rows)]


def hidden_counts(chip: Chip, x: ByteArray) -> list[Int64Array]:
    """Samples in which each hidden neuron spiked, one (N,) per hidden layer."""
    response = chip.present(x, Readout(hidden=True))
    return [(layer > 0).sum(axis=0).astype(np.int64) for layer in response.plain[:-1]]


def settle(chip: Chip, image: Image, source: ByteArray, seen: ByteArray, rounds: int) -> None:
    """Move the codes on `chip` until `seen` (n, M), unlabelled, spikes as `source` (m, M) does at the present codes.

    Args:
        rounds: number of corrections, at least 1; each reads all hidden layers once.

    Raises:
        UsageError: rounds < 1, or there are no samples.
    """
    if rounds < 1 or not len(source) or not len(seen):
        raise UsageError(
            "homeostasis needs a round and samples of both worlds",
            evidence=f"{rounds} rounds, {len(source)} source samples, {len(seen)} samples",
            next_step="give more samples, or leave homeostasis out",
        )
    wanted = [counts * len(seen) // len(source) for counts in hidden_counts(chip, source)]
    codes = chip.read_codes()[0].astype(np.int64)
    low, high = chip.info.code_min, chip.info.code_max
    for _ in range(rounds):
        for layer, aim, count in zip(image.layers, wanted, hidden_counts(chip, seen), strict=False):
            missing = (aim - count) * GAIN_CODE
            move = np.sign(missing) * (np.abs(missing) // len(seen))
            # Of a split domain only the excitatory part moves; both would cancel.
            np.add.at(codes, layer.domain[:, 0], np.clip(move, -MOST_CODE, MOST_CODE))
        codes = np.clip(codes, low, high)
        move_codes(chip, codes.astype(np.uint8))
