"""Whole numbers for rules that must give the same codes on every machine: products, roots, logarithms, powers.

Matrix products of integers have no fast kernel in NumPy, so they go through the floating-point one. That is exact, not
nearly so: where inputs times weights cannot sum to 2^24 (2^53), every product and every partial sum is a whole number
that single (double) precision holds, so nothing is ever rounded, in whatever order, with however many threads, fused or
not. `ExactProduct` proves the bound when it is built.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError

Int64Array = NDArray[np.int64]

SINGLE_LIMIT = 1 << 24
DOUBLE_LIMIT = 1 << 53
LOG_FRACTION = 24
LOG2_E = 1.4426950408889634
POWER_STEPS = 256
ONE_Q15 = 1 << 15
ONE_Q16 = 1 << 16


class ExactProduct:
    """Products of whole numbers with one matrix of whole numbers.

    Attributes:
        worst: bound on the size of every result and partial sum, below 2^53.
    """

    def __init__(self, matrix: NDArray[np.integer], limit: int) -> None:
        """Take ``matrix`` (M, N) for values (B, M) within +-``limit``; UsageError where sums could reach 2^53."""
        self.worst = limit * _largest_column(matrix)
        if self.worst >= DOUBLE_LIMIT:
            raise UsageError(
                "a layer is too wide for an integer rule",
                evidence=f"a sum could reach {self.worst}, the limit is 2^53",
                next_step="choose `--rule dmn`, which sums signs, or make the layer narrower",
            )
        self._matrix = matrix.astype(np.float32 if self.worst < SINGLE_LIMIT else np.float64)

    def __call__(self, values: NDArray[np.integer]) -> Int64Array:
        """``values`` (B, M) @ matrix, (B, N) int64, exactly."""
        return np.matmul(values.astype(self._matrix.dtype), self._matrix).astype(np.int64)


def _largest_column(matrix: NDArray[np.integer]) -> int:
    return max(1, int(np.abs(matrix).sum(axis=0, dtype=np.int64).max()))


def widest_input(matrix: NDArray[np.integer]) -> int:
    """Largest size of values whose products with ``matrix`` (M, N) are still exact in double precision."""
    return (DOUBLE_LIMIT - 1) // _largest_column(matrix)


def shifted(values: Int64Array, bits: int) -> Int64Array:
    """``values`` / 2^``bits``, rounded to the nearest, halves upwards; ``bits`` > 0."""
    return (values + (1 << (bits - 1))) >> bits


def divided(values: Int64Array, divisor: Int64Array | int) -> Int64Array:
    """``values`` / ``divisor`` > 0, rounded to the nearest, halves upwards."""
    return np.asarray((2 * values + divisor) // (2 * divisor), np.int64)


def saturated(values: Int64Array, bits: int) -> Int64Array:
    """``values`` held within +-(2^``bits`` - 1)."""
    return np.clip(values, 1 - (1 << bits), (1 << bits) - 1)


def whole_root(values: Int64Array) -> Int64Array:
    """Floor of the square root of ``values``, 0..2^62-1, bit by bit from the top."""
    rest, root = values.copy(), np.zeros_like(values)
    bit = 1 << (max(int(values.max(initial=0)).bit_length() - 1, 0) & ~1)
    while bit:
        fits = rest >= root + bit
        rest -= np.where(fits, root + bit, 0)
        root = (root >> 1) + np.where(fits, bit, 0)
        bit >>= 2
    return root


def root_mean_square(values: Int64Array, bits: int = 0) -> int:
    """Floor of 2^``bits`` times the root of the mean square of ``values``, all of them, within +-2^31."""
    squares = values * values
    low_bits = 31
    total = (int((squares >> low_bits).sum()) << low_bits) + int((squares & ((1 << low_bits) - 1)).sum())
    return math.isqrt((total << 2 * bits) // values.size)


def log2_q24(values: NDArray[np.integer]) -> Int64Array:
    """Binary logarithm of whole ``values``, 1..2^62, Q24, too small by less than 2^-23: the mantissa is squared bit by
    bit."""
    rest, power = values.astype(np.int64), np.zeros(values.shape, np.int64)
    for bits in (32, 16, 8, 4, 2, 1):
        large = rest >= 1 << bits
        power += np.where(large, bits, 0)
        rest = np.where(large, rest >> bits, rest)
    wide = values.astype(np.int64)
    aligned = np.where(power > 31, wide >> np.maximum(power - 31, 0), wide << np.maximum(31 - power, 0))
    mantissa = aligned.astype(np.uint64)  # Q31, 1 to 2
    for _ in range(LOG_FRACTION):
        mantissa = (mantissa * mantissa) >> np.uint64(31)
        doubled = mantissa >> np.uint64(32)
        mantissa >>= doubled
        power = (power << 1) | doubled.astype(np.int64)
    return power


@cache
def _half_powers() -> Int64Array:
    """2^(-k/256), Q16, nearest, for k = 0..255: found in whole numbers of any length, hence the same everywhere."""
    found = []
    for k in range(POWER_STEPS):
        # The largest n with n - 1/2 <= 2^(16 - k/256), both sides to the power of 256.
        bound = 1 << (POWER_STEPS * 17 - k)
        low, high = 1 << 15, (1 << 16) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if (2 * middle - 1) ** POWER_STEPS <= bound else (low, middle)
        found.append(low)
    return np.array(found, np.int64)


def falling_power_q16(exponent_q8: Int64Array) -> Int64Array:
    """2^-x for x = ``exponent_q8`` / 256 >= 0, Q16, by table and shift."""
    whole = np.minimum(exponent_q8 >> 8, 62)
    return _half_powers()[exponent_q8 & (POWER_STEPS - 1)] >> whole


def sigmoid_q15(exponent_q8: Int64Array) -> Int64Array:
    """1 / (1 + 2^-x) for x = ``exponent_q8`` / 256 of either sign, Q15, nearest."""
    low = falling_power_q16(np.abs(exponent_q8))
    return divided(np.where(exponent_q8 < 0, low, ONE_Q16) << 15, low + ONE_Q16)
