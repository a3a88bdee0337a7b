"""Population readout: from output spikes to classes, and the two accuracies that are always given side by side.

The score of a class is the spikes of its population over T steps. Argmax takes the highest score; a tie goes to the
larger summed membrane where the chip can read it, else to the lower class. Strict: a class *fires* when at least half
of its population spiked in the sample; exactly the right class must fire. With one neuron per class that is the
metric of the paper, whose chance level is 2^-n.

Half of a population never spikes in a network whose neurons count. Its image says instead which share of all output
spikes makes a class fire (metadata `firing_share_q12`, class by class, in 1/4096): the count half-way between what the
class shows of its own samples and of others, measured on the source, relative to the sample's total, because the
level of counts moves with the world (docs/learning_nose.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import ImageError
from nt_model.image import Image

Int64Array = NDArray[np.int64]

SHARE_KEY = "firing_share_q12"
ONE_Q12 = 4096


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
    """values (B, N_out) @ membership, exactly: whole numbers below 2^24 (2^53) are sums of singles (doubles), and those
    are fast."""
    small = values.dtype == np.uint8 and values.shape[1] < (1 << 24) // 255
    kind = np.float32 if small else np.float64
    return (values.astype(kind) @ membership.astype(kind)).astype(np.int64)


def class_scores(readout_class: NDArray[np.uint16], counts: NDArray[np.integer]) -> Int64Array:
    """Spikes of each class's population, (B, classes) int64, from `counts` (B, N_out)."""
    return _summed(counts, _membership(readout_class))


def firing_share_q12(image: Image) -> Int64Array | None:
    """Shares (classes,) of all output spikes, Q12, at which the classes of `image` fire; None where half a population
    decides. ImageError for shares that do not fit the classes."""
    text = image.metadata.get(SHARE_KEY)
    if text is None:
        return None
    try:
        shares = json.loads(text)
    except json.JSONDecodeError:
        shares = None
    whole = isinstance(shares, list) and all(type(each) is int and 0 < each <= ONE_Q12 for each in shares)
    if not whole or len(shares) != image.n_classes:
        raise ImageError(
            f"the image's '{SHARE_KEY}' is no list of one share per class, 1..{ONE_Q12}",
            evidence=text[:80],
            next_step="pretrain the image again with `nt-host pretrain`",
        )
    return np.array(shares, np.int64)


def firing_classes(
    readout_class: NDArray[np.uint16], counts: NDArray[np.integer], share_q12: Int64Array | None = None
) -> NDArray[np.bool_]:
    """(B, classes): at least half of the class's population spiked at least once; with `share_q12` (classes,), the
    class has at least that share of the sample's output spikes, and one spike or more."""
    membership = _membership(readout_class)
    if share_q12 is not None:
        scores = _summed(counts, membership)
        enough = ONE_Q12 * scores >= share_q12 * scores.sum(axis=1, keepdims=True)
        return np.asarray(enough & (scores > 0), np.bool_)
    spiked = _summed(counts > 0, membership)
    return np.asarray(2 * spiked >= membership.sum(axis=0), np.bool_)


def predict(
    readout_class: NDArray[np.uint16], counts: NDArray[np.integer], membrane_q8: NDArray[np.int32] | None = None
) -> Int64Array:
    """Class of each sample, (B,) int64.

    Args:
        readout_class: (N_out,) uint16.
        counts: (B, N_out), spikes over T steps, 0 or above.
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
    counts: NDArray[np.integer],
    labels: Int64Array,
    membrane_q8: NDArray[np.int32] | None = None,
    share_q12: Int64Array | None = None,
) -> Accuracy:
    """Both accuracies of `counts` (B, N_out) against `labels` (B,), B >= 1; the rest as `predict` and
    `firing_classes`."""
    rows = np.arange(len(labels))
    fires = firing_classes(readout_class, counts, share_q12)
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


def image_accuracy(
    image: Image, counts: NDArray[np.integer], labels: Int64Array, membrane_q8: NDArray[np.int32] | None = None
) -> Accuracy:
    """`accuracy` with the readout of `image`; raises as `firing_share_q12`."""
    return accuracy(image.readout_class, counts, labels, membrane_q8, firing_share_q12(image))
