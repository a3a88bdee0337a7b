"""What rule `discriminant` keeps of the spikes below the switches: counts, sums and products per class, whole numbers.

After N samples with spikes h (0 or 1) of m neurons and labels of C classes:

    n_c, s_c  = samples of class c, and the sum of their spikes
    G         = sum over samples of h h^T
    W         = G - sum over classes of s_c s_c^T / n_c: scatter within classes, Q8
    mu        = trace(W) / m, at least 2^-8
    A         = (1 - shrink) W / mu + shrink I: shrunk towards equal and uncorrelated neurons (Ledoit and Wolf 2004,
                with a share of the user's choice), Q16
    d_c       = s_c / n_c - the mean of these over the classes that were seen, Q16
    middle_c  = half-way between that mean and s_c / n_c, Q12

With N below 2^30, W in Q24 stays below 2^54.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import RuleState, taken
from nt_host.rules.exact import ExactProduct, Int64Array, divided, shifted

ONE_Q16 = 1 << 16
MEAN_BITS = 16
MIDDLE_BITS = 12


@dataclass(frozen=True, eq=False)
class Scatter:
    """What the moments amount to, for C classes and m neurons.

    Attributes:
        within_q16: (m, m) int64, A.
        apart_q16: (C, m) int64, d; 0 for a class that was not seen.
        middle_q12: (C, m) int64; 0 for a class that was not seen.
        seen: (C,) bool, which classes were.
    """

    within_q16: Int64Array
    apart_q16: Int64Array
    middle_q12: Int64Array
    seen: NDArray[np.bool_]


class HiddenMoments:
    """State: n (C,), s (C, m) and G (m, m), int64."""

    def __init__(self, n_classes: int, neurons: int) -> None:
        self._count = np.zeros(n_classes, np.int64)
        self._sum = np.zeros((n_classes, neurons), np.int64)
        self._product = np.zeros((neurons, neurons), np.int64)

    def add(self, spikes: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Take in a batch: ``spikes`` (B, m), 0 or 1, and ``labels`` (B,)."""
        times = ExactProduct(spikes, 1)
        member = (np.arange(len(self._count))[:, None] == labels).astype(np.int64)
        self._count += member.sum(axis=1)
        self._sum += times(member)
        self._product += times(spikes.T)

    def scatter(self, shrink_q16: int) -> Scatter:
        """A, d and the middles, with the share ``shrink_q16`` of the unit matrix in A."""
        seen = np.flatnonzero(self._count)
        count, total = self._count[seen, None], self._sum[seen]
        within = self._product << 8
        for each_count, each in zip(count[:, 0], total, strict=True):
            within -= divided((each[:, None] * each) << 8, each_count)
        diagonal = np.diag(within)
        level = max(1, int(diagonal.sum()) // len(diagonal))
        within = shifted(divided(within << MEAN_BITS, level) * (ONE_Q16 - shrink_q16), 16)
        within[np.diag_indices_from(within)] += shrink_q16
        mean = divided(total << MEAN_BITS, count)
        centre = divided(mean.sum(axis=0), max(1, len(seen)))
        apart, middle = np.zeros_like(self._sum), np.zeros_like(self._sum)
        apart[seen] = mean - centre
        middle[seen] = shifted(mean + centre, MEAN_BITS - MIDDLE_BITS + 1)
        return Scatter(within, apart, middle, self._count > 0)

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {"count": self._count.copy(), "sum": self._sum.copy(), "product": self._product.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        count, total = taken(state, "count", self._count), taken(state, "sum", self._sum)
        self._product = taken(state, "product", self._product)
        self._count, self._sum = count, total
