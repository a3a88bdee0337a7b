"""Seeded draws: which samples are labelled, which of those are held out, which are the test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset
from nt_host.tasks.task import Target
from nt_model.errors import UsageError

FloatArray = NDArray[np.float32]
Int64Array = NDArray[np.int64]

_DRAW_STREAM = 1
_HELD_OUT_STREAM = 2
_UNLABELLED_STREAM = 5

APART = "apart"
TEST_TOO = "test"
UNLABELLED = (APART, TEST_TOO)
"""Which samples an adaptation may see without their labels: some that are not tested on, or the tested ones as well."""


@dataclass(frozen=True, eq=False)
class Split:
    """`labelled`: samples whose labels the adaptation may see; `test`: the others; `spare`: features (m, F) of samples
    of the pool that are neither, where the target has a test of its own; `test_repetition`: recording of each tested
    sample, (len(test),) int64, where the target tells."""

    labelled: Dataset
    test: Dataset
    spare: FloatArray
    test_repetition: Int64Array | None = None


def draw_per_class(labels: Int64Array, per_class: int, seed: int, *, leave_half: bool = True) -> Int64Array:
    """Rows of `per_class` samples of each class drawn at random, sorted.

    With `leave_half` at most half of a class's samples are drawn (at least one), so that a rare class is still in a
    test that is what the draw leaves; without it at most all of them.
    """
    rng = np.random.default_rng([seed, _DRAW_STREAM])
    drawn = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = max(1, min(per_class, len(rows) // 2 if leave_half else len(rows)))
        drawn.append(rng.permutation(rows)[:count])
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def draw_repetitions(labels: Int64Array, repetition: Int64Array, per_class: int, seed: int) -> Int64Array:
    """Rows of all samples of `per_class` recordings of each class (of all, where there are fewer), drawn at random
    for each class; sorted."""
    rng = np.random.default_rng([seed, _DRAW_STREAM])
    drawn = []
    for label in np.unique(labels):
        of_class = labels == label
        chosen = rng.permutation(np.unique(repetition[of_class]))[:per_class]
        drawn.append(np.flatnonzero(of_class & np.isin(repetition, chosen)))
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def split_target(target: Target, labels_per_class: int, seed: int) -> Split:
    """Draw the labelled samples of `target` with `seed` >= 0; the test is its own set or the rest of the pool.

    Where the target has repetitions, `labels_per_class` counts whole recordings.

    Raises:
        UsageError: labels_per_class < 1, or nothing is left to test on.
    """
    if labels_per_class < 1:
        raise UsageError(
            "at least one labelled sample per class is needed",
            evidence=str(labels_per_class),
            next_step="give `--labels-per-class 8` or more",
        )
    pool = target.pool
    if target.repetition is not None:
        rows = draw_repetitions(pool.labels, target.repetition, labels_per_class, seed)
    else:
        rows = draw_per_class(pool.labels, labels_per_class, seed, leave_half=target.test is None)
    rest = np.setdiff1d(np.arange(len(pool)), rows)
    if target.test is not None:
        return Split(pool.take(rows), target.test, pool.features[rest], target.test_repetition)
    if len(rest) == 0:
        raise UsageError(
            "every sample was drawn for adaptation: none is left to test on",
            evidence=f"{len(pool)} samples in domain '{target.name}'",
            next_step="give a data file with more samples per class",
        )
    return Split(pool.take(rows), pool.take(rest), pool.features[:0])


def set_apart(split: Split, which: str, seed: int) -> tuple[FloatArray, Dataset]:
    """(features (m, F) that are seen without labels, test), of what `split` leaves, drawn with `seed` >= 0.

    With `which` APART the test shares no sample with the features: they are the spare ones, or where there are none a
    random half of the test, of which the other half stays; of recordings that are known, whole ones. With TEST_TOO
    they are the spare ones and the whole test.

    Raises:
        UsageError: `which` is unknown, or nothing is left to be seen without its label.
    """
    if which == TEST_TOO:
        return np.concatenate([split.spare, split.test.features]), split.test
    if which == APART and len(split.spare):
        return split.spare, split.test
    group = np.arange(len(split.test)) if split.test_repetition is None else split.test_repetition
    names = np.unique(group)
    if which != APART or len(names) < 2:
        raise UsageError(
            "no sample can be seen without its label",
            evidence=f"'{which}', {len(split.test)} samples that are not labelled",
            next_step=f"choose one of {', '.join(UNLABELLED)}, and label fewer samples",
        )
    drawn = np.random.default_rng([seed, _UNLABELLED_STREAM]).permutation(names)[: len(names) // 2]
    seen = np.isin(group, drawn)
    return split.test.features[seen], split.test.take(~seen)


def hold_out(labels: Int64Array, share: float, seed: int) -> tuple[Int64Array, Int64Array]:
    """Split rows of labelled samples into (fit, held): of each class `share` (0 <= share < 1) is held out.

    A class with at least two samples gives at least one to each side; a class with one sample keeps it for the fit.
    With share 0 nothing is held out.
    """
    if not 0 <= share < 1:
        raise UsageError(
            "the held-out share lies outside 0..1", evidence=str(share), next_step="give `--held-out 0.25`"
        )
    rng = np.random.default_rng([seed, _HELD_OUT_STREAM])
    held = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = min(max(1, round(share * len(rows))), len(rows) - 1) if share else 0
        held.append(rows[:count])
    held_rows = np.sort(np.concatenate(held)).astype(np.int64)
    return np.setdiff1d(np.arange(len(labels)), held_rows), held_rows
