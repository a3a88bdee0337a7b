"""Codes before rounding, for rules that move codes themselves, not the gains that they make: code less 128, Q24.

Less 128, so that the whole range fits 32 bits; what a code cannot show is kept, so that small moves are not lost.
"""

from __future__ import annotations

import numpy as np

from nt_host.rules.base import ByteArray
from nt_host.rules.exact import Int64Array, shifted

MIDDLE_CODE = 128
FRACTION = 24


def position_q24(code: int) -> int:
    """Position of ``code``, -2^31 to 127 * 2^24."""
    return (code - MIDDLE_CODE) << FRACTION


def positions_q24(codes: ByteArray) -> Int64Array:
    """Positions of ``codes`` (n_codes,)."""
    return (codes.astype(np.int64) - MIDDLE_CODE) << FRACTION


def codes_at(positions: Int64Array) -> ByteArray:
    """Nearest codes to ``positions`` (n_codes,), of codes 0 to 255."""
    return (shifted(positions, FRACTION) + MIDDLE_CODE).astype(np.uint8)
