"""Minibatches as a pure function of (seed, step), so that a resumed run meets the same ones.

Every class gets the same share of a batch whatever its share of the labels: the codes of rare classes then move as
often as those of common ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.adapt.streams import POOL_WORDS, STEPS_AT_ONCE, StepStreams, block_seeds, head_words
from nt_model.errors import EnvironmentMissingError

try:
    from nt_model.core_batches import drawn_batches

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

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

        head = head_words(seed, _STREAM)
        self._head = head if IN_C and len(head) < POOL_WORDS else None
        self._block = -1
        self._drawn = np.empty((0, batch_size), np.int64)

    def rows(self, step: int) -> NDArray[np.int64]:
        """Rows of the batch of step `step` >= 0, (batch_size,): classes in turn, in an order of the step's own, and of
        each class a sample at random."""
        if self._head is None:
            return self.rows_in_python(step)
        block = step - step % STEPS_AT_ONCE
        if block != self._block:
            seeds = block_seeds(self._head, block)
            self._drawn = drawn_batches(seeds, self._batch_size, self._by_class, self._first, self._counts)
            self._block = block
        return self._drawn[step - block]

    def rows_in_python(self, step: int) -> NDArray[np.int64]:
        """`rows` without the C core."""
        rng = self._streams.at(step)
        classes = rng.permutation(len(self._counts))[self._turns]
        chosen = rng.integers(0, self._counts[classes])
        return self._by_class[self._first[classes] + chosen]
