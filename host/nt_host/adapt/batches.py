"""Minibatches as a pure function of (seed, step), so that a resumed run meets the same ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 3


def steps_per_epoch(n_samples: int, batch_size: int) -> int:
    """Steps that show every sample once; the last batch of an epoch may be smaller."""
    return -(-n_samples // batch_size)


def batch_rows(n_samples: int, batch_size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Rows of step `step` >= 0: each epoch goes once through all samples in an order of its own."""
    epoch, place = divmod(step, steps_per_epoch(n_samples, batch_size))
    order = np.random.default_rng([seed, _STREAM, epoch]).permutation(n_samples)
    return order[place * batch_size : (place + 1) * batch_size].astype(np.int64)
