"""Minibatches as a pure function of (seed, step), so that a resumed run meets the same ones.

Every class gets the same share of a batch whatever its share of the labels: the codes of rare classes then move as
often as those of common ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 3


class BatchDraw:
    """Draws batches from rows whose classes are `labels` (n,) int64."""

    def __init__(self, labels: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._members = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        self._batch_size = batch_size
        self._seed = seed

    def rows(self, step: int) -> NDArray[np.int64]:
        """Rows of the batch of step `step` >= 0, (batch_size,): classes in turn, in an order of the step's own, and of
        each class a sample at random."""
        rng = np.random.default_rng([self._seed, _STREAM, step])
        classes = rng.permutation(np.array(list(self._members), np.int64))
        members = [self._members[int(label)] for label in np.resize(classes, self._batch_size)]
        return np.array([rows[rng.integers(0, len(rows))] for rows in members], np.int64)
