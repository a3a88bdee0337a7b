"""Minibatches as a pure function of (seed, step), so that a resumed run meets the same ones.

Every class gets the same share of a batch whatever its share of the labels: the codes of rare classes then move as
often as those of common ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 3


def batch_rows(labels: NDArray[np.int64], batch_size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Rows of the batch of step `step` >= 0, (batch_size,): classes in turn, in an order of the step's own, and of
    each class a sample at random. `labels` (n,) are the classes of the rows to draw from."""
    rng = np.random.default_rng([seed, _STREAM, step])
    classes = rng.permutation(np.unique(labels))
    wanted = np.resize(classes, batch_size)
    return np.array([rng.choice(np.flatnonzero(labels == label)) for label in wanted], np.int64)
