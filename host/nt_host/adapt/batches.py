"""Minibatches as a pure function of (seed, step), so that a resumed run meets the same ones.

Every class gets the same share of a batch whatever its share of the labels: the codes of rare classes then move as
often as those of common ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.adapt.streams import StepStreams

_STREAM = 3


class BatchDraw:
    """Draws batches from rows whose classes are `labels` (n,) int64."""

    def __init__(self, labels: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._by_class = np.argsort(labels, kind="stable")
        self._counts = np.unique(labels, return_counts=True)[1]
        self._first = np.cumsum(self._counts) - self._counts
        self._batch_size = batch_size
        self._streams = StepStreams(seed, _STREAM)
        self._turns = np.arange(batch_size) % len(self._counts)
        # Of equal bounds NumPy draws the same numbers as of an array of them, in a quarter of the time.
        self._same_count = int(self._counts[0]) if (self._counts == self._counts[0]).all() else 0

    def rows(self, step: int) -> NDArray[np.int64]:
        """Rows of the batch of step `step` >= 0, (batch_size,): classes in turn, in an order of the step's own, and of
        each class a sample at random."""
        rng = self._streams.at(step)
        classes = rng.permutation(len(self._counts))[self._turns]
        if self._same_count:
            chosen = rng.integers(0, self._same_count, self._batch_size)
        else:
            chosen = rng.integers(0, self._counts[classes])
        return self._by_class[self._first[classes] + chosen]
