"""Population readout: from output spikes to classes, and the two accuracies that are always given side by side.

The score of a class is the spikes of its population over T steps. Argmax takes the highest score; a tie goes to the
larger summed membrane where the chip can read it, else to the lower class. Strict: a class *fires* when at least half
of its population spiked in the sample; exactly the right class must fire. With one neuron per class that is the
metric of the paper, whose chance level is 2^-n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Accuracy:
    """Shares of samples that are right, 0..1, over `n` samples.

    Attributes:
        argmax: the highest class score is the label's.
        strict: the label's class fires and no other does.
        margin: mean of (score of the label - highest other score), in spikes per output neuron of a class.
        n: number of samples, at least 1.
    """

    argmax: float
    strict: float
    margin: float
    n: int


def _membership(readout_class: NDArray[np.uint16]) -> Int64Array:
    """(N_out, classes) 0/1: which output neuron belongs to which class."""
    return (readout_class[:, None] == np.arange(int(readout_class.max()) + 1)).astype(np.int64)


def _summed(values: NDArray[np.generic], membership: Int64Array) -> Int64Array:
    """values (B, N_out) @ membership, exactly: whole numbers below 2^53 are sums of doubles, and those are fast."""
    return (values.astype(np.float64) @ membership.astype(np.float64)).astype(np.int64)


def class_scores(readout_class: NDArray[np.uint16], counts: ByteArray) -> Int64Array:
    """Spikes of each class's population, (B, classes) int64, from `counts` (B, N_out) uint8."""
    return _summed(counts, _membership(readout_class))


def firing_classes(readout_class: NDArray[np.uint16], counts: ByteArray) -> NDArray[np.bool_]:
    """(B, classes): at least half of the class's population spiked at least once."""
    membership = _membership(readout_class)
    spiked = _summed(counts > 0, membership)
    return np.asarray(2 * spiked >= membership.sum(axis=0), np.bool_)


def predict(
    readout_class: NDArray[np.uint16], counts: ByteArray, membrane_q8: NDArray[np.int32] | None = None
) -> Int64Array:
    """Class of each sample, (B,) int64.

    Args:
        readout_class: (N_out,) uint16.
        counts: (B, N_out) uint8, spikes over T steps.
        membrane_q8: (B, N_out) int32, Q23.8, where the chip can read it: settles ties.
    """
    scores = class_scores(readout_class, counts)
    if membrane_q8 is None:
        return scores.argmax(axis=1).astype(np.int64)
    charge = _summed(membrane_q8, _membership(readout_class))
    tied = scores == scores.max(axis=1, keepdims=True)
    return np.where(tied, charge, np.iinfo(np.int64).min).argmax(axis=1).astype(np.int64)


def accuracy(
    readout_class: NDArray[np.uint16],
    counts: ByteArray,
    labels: Int64Array,
    membrane_q8: NDArray[np.int32] | None = None,
) -> Accuracy:
    """Both accuracies of `counts` (B, N_out) against `labels` (B,), B >= 1; the rest as `predict`."""
    rows = np.arange(len(labels))
    fires = firing_classes(readout_class, counts)
    strict = fires[rows, labels] & (fires.sum(axis=1) == 1)
    scores = class_scores(readout_class, counts).astype(np.float64)
    right = scores[rows, labels].copy()
    scores[rows, labels] = -np.inf
    best_other = scores.max(axis=1) if scores.shape[1] > 1 else np.zeros(len(labels))
    per_class = len(readout_class) / (int(readout_class.max()) + 1)
    return Accuracy(
        argmax=float((predict(readout_class, counts, membrane_q8) == labels).mean()),
        strict=float(strict.mean()),
        margin=float((right - best_other).mean() / per_class),
        n=len(labels),
    )
