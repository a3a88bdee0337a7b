"""Whole weights of a linear discriminant, within limits, by coordinate descent on its own quadratic; whole numbers.

For every class c the weights w_c (m,) of the discriminant minimise

    w^T A w / 2 - reach v_c^T w + offset (middle_c^T w)^2 / 2,    v_c = d_c / rms(d)

with A, d and middle of `hidden_moments`: without limits, w is A^-1 v_c but for a factor (Duda, Hart and Stork 2001,
section 3.8.3, with A in place of the covariance). The last term stands for the discriminant's bias, which switches
lack: half-way between the class and the mean of all, the class shall have half of its population's votes.

Rounding the solution would lose what A says of correlated neurons. Instead one weight after the other moves to the
whole number within its limits that is best while all others stay:

    h = A_jj + offset middle_j^2,  b = (A w)_j + offset (middle^T w) middle_j - reach v_j - h w_j,  w_j = -b / h

first upwards through j, then downwards, until a pass changes nothing. Every change lowers the quadratic, so this ends.
Q16 throughout. Every switch has one of at most 2^16 codes, so that m <= 2^16, a class's |w| sum to 2^16 at most and
|A| < 2^33; with reach and offset up to 16 no sum reaches 2^62.
"""

from __future__ import annotations

import numpy as np

from nt_host.rules.exact import Int64Array, divided, shifted, whole_root
from nt_host.rules.hidden_moments import MIDDLE_BITS, Scatter

SCALE_BITS = 16
MIDDLE_SQUARE_TO_Q16 = 2 * MIDDLE_BITS + SCALE_BITS - 16


def pull_q16(apart_q16: Int64Array, reach_q16: int) -> Int64Array:
    """reach v, (C, m) Q16, of class means apart (C, m); 0 where no class is apart from another."""
    square = int((apart_q16 * apart_q16).sum()) // max(1, apart_q16.size)
    root = int(whole_root(np.array([square]))[0])
    return divided(apart_q16 * reach_q16, max(1, root))


def whole_weights(
    scatter: Scatter, low: Int64Array, high: Int64Array, *, reach_q16: int, offset_q16: int, passes: int
) -> Int64Array:
    """w (C, m) within ``low`` and ``high`` (C, m), from w = 0; at most ``passes`` passes."""
    descent = _Descent(scatter, pull_q16(scatter.apart_q16, reach_q16), offset_q16)
    order = np.arange(scatter.within_q16.shape[1])
    for _ in range(passes):
        if not sum(descent.settle(int(j), low[:, j], high[:, j]) for j in order):
            break
        order = order[::-1]
    return descent.weights


class _Descent:
    def __init__(self, scatter: Scatter, pull: Int64Array, offset_q16: int) -> None:
        self._scatter, self._pull, self._offset_q16 = scatter, pull, offset_q16
        self.weights = np.zeros_like(pull)
        self._slope = -pull
        self._middle_sum = np.zeros(len(pull), np.int64)

    def settle(self, j: int, low: Int64Array, high: Int64Array) -> int:
        """Weight j of every class at its best; how many changed."""
        middle = self._scatter.middle_q12[:, j]
        stiff = self._offset_q16 * middle
        curvature = self._scatter.within_q16[j, j] + shifted(stiff * middle, MIDDLE_SQUARE_TO_Q16)
        slope = self._slope[:, j] + shifted(stiff * self._middle_sum, MIDDLE_SQUARE_TO_Q16)
        now = self.weights[:, j]
        best = np.clip(divided(curvature * now - slope, np.maximum(curvature, 1)), low, high)
        moved = np.flatnonzero(best != now)
        if len(moved):
            change = (best - now)[moved]
            self.weights[moved, j] = best[moved]
            self._slope[moved] += change[:, None] * self._scatter.within_q16[j]
            self._middle_sum[moved] += change * middle[moved]
        return len(moved)
