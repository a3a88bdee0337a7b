"""Integer descent: every code's state moves by its mean gradient over the root of its mean square.

Adam (Kingma and Ba 2015, arXiv:1412.6980) with whole numbers in every place, and with the falling shares of
`descent_settings` in place of the cosine, which libraries round each in its own way:

    m     += ((G << 16) - m) (1 - momentum) >> 10    int64, Q37 in 43 bits; 1 - momentum and 1 - memory in Q10
    v     += (G^2 - v) (1 - memory) >> 10            int64, Q42 in 52 bits
    ratio  = m / (1 - momentum^t) / root(v / (1 - memory^t)), Q15, within +-16; root Q25, at least 2^-18
    x     -= rate share ratio, nearest                int32, Q24, within limits

G is a gradient in Q21 within +-2^26. x is what a rule moves, mostly the logarithm of a gain; it keeps what a code
cannot show: a move of 2^-24 is not lost, so that no stochastic rounding is needed. Three numbers of 4, 8 and 8 bytes
per code.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nt_host.rules.base import Remembering
from nt_host.rules.descent_settings import SteadySettings
from nt_host.rules.exact import LOG2_E, ONE_Q15, Int64Array, saturated, shifted, whole_root

DECAY_BITS = 10
POWER_BITS = 30
MEAN_FRACTION = 16
ROOT_FRACTION = 4
RATIO_BITS = 19
LEAST_ROOT = 1 << 7
"""2^-18, Q25: below it a mean that no gradient feeds any more counts as none."""


def _gone(decay_q10: int, count: int) -> int:
    """1 - (1 - ``decay_q10``)^``count``, Q30, at least 1."""
    kept, power = 1 << POWER_BITS, ((1 << DECAY_BITS) - decay_q10) << (POWER_BITS - DECAY_BITS)
    while count:
        if count & 1:
            kept = kept * power >> POWER_BITS
        power = power * power >> POWER_BITS
        count >>= 1
    return max(1, (1 << POWER_BITS) - kept)


def decay_q10(kept: float) -> int:
    """1 - ``kept`` of a running mean, Q10, at least 1."""
    return max(1, round((1 - kept) * (1 << DECAY_BITS)))


class NormalisedDescent(Remembering):
    """State: position x, mean gradient m and mean square v per code, and the update count."""

    remembers: ClassVar[tuple[str, ...]] = ("position_q24", "mean_q37", "square_q42", "count")

    def __init__(self, position_q24: Int64Array, rate_q24: Int64Array | int, settings: SteadySettings) -> None:
        """Begin at ``position_q24`` (n_codes,), with first steps of ``rate_q24``, (n_codes,) or one for all."""
        self._rate, self._pace = rate_q24, settings
        self._decays = decay_q10(settings.momentum), decay_q10(settings.memory)
        self._position_q24 = position_q24.astype(np.int32)
        self._mean_q37 = np.zeros(len(position_q24), np.int64)
        self._square_q42 = np.zeros(len(position_q24), np.int64)
        self._count = np.zeros(1, np.int64)

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return int(self._count[0])

    @property
    def position_q24(self) -> Int64Array:
        """x, (n_codes,)."""
        return self._position_q24.astype(np.int64)

    def move(self, gradient_q21: Int64Array, low_q24: Int64Array | int, high_q24: Int64Array | int) -> Int64Array:
        """One update against ``gradient_q21`` (n_codes,); the new x, (n_codes,), within the limits, each (n_codes,) or
        one for all."""
        momentum, memory = self._decays
        self._count += 1
        count = self.updates
        self._mean_q37 += (((gradient_q21 << MEAN_FRACTION) - self._mean_q37) * momentum) >> DECAY_BITS
        self._square_q42 += ((gradient_q21 * gradient_q21 - self._square_q42) * memory) >> DECAY_BITS
        # Both corrections are one factor: root(1 - memory^t) / (1 - momentum^t), Q15.
        corrected = (int(whole_root(np.array([_gone(memory, count)]))[0]) << POWER_BITS) // _gone(momentum, count)
        root = np.maximum(whole_root(self._square_q42 << 2 * ROOT_FRACTION), LEAST_ROOT)
        ratio = saturated((self._mean_q37 << 3) // root, POWER_BITS)
        ratio = saturated(shifted(ratio * corrected, 15), RATIO_BITS)
        moved = self._position_q24 - shifted(self._rate * self._pace.share_q15(count) // ONE_Q15 * ratio, 15)
        self._position_q24 = np.clip(moved, low_q24, high_q24).astype(np.int32)
        return self.position_q24


def log_rate_q24(rate: float) -> int:
    """First step of a log gain, given as a natural logarithm, as a binary one in Q24."""
    return whole_rate_q24(rate * LOG2_E)


def whole_rate_q24(rate: float) -> int:
    """First step of a position in Q24, 1..2^31: what lies beyond would cross any range at once."""
    return min(max(1, round(rate * (1 << 24))), 1 << 31)
