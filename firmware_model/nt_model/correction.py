"""Corrections: how a device turns the code that it is given into the code that its DAC gets, domain by domain.

A calibrated chip is spoken to in *calibrated* codes: the device adds a parabola to each, so that the gain of the
domain becomes the nominal one. Three numbers per domain, packed in 32 bits (docs/spec.md, section 6); all zeros
leave every code as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.image import CODE_DEFAULT

Int64Array = NDArray[np.int64]
PackedArray = NDArray[np.uint32]

OFFSET_BITS, SLOPE_BITS, BOW_BITS = 13, 10, 9


def _bounds(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


OFFSET_RANGE_Q4 = _bounds(OFFSET_BITS)
SLOPE_RANGE_Q9 = _bounds(SLOPE_BITS)
BOW_RANGE = _bounds(BOW_BITS)


@dataclass(frozen=True, eq=False)
class Corrections:
    """One parabola per domain over k = code - 128, all (C,) int64.

    Attributes:
        offset_q4: correction at code 128, 1/16 code, -4096..4095.
        slope_q9: codes per code of k, Q9, -512..511.
        bow: codes per k^2, in units of 2^-16 code, -256..255.

    Raises:
        ValueError: shapes differ, or a number lies outside its range.
    """

    offset_q4: Int64Array
    slope_q9: Int64Array
    bow: Int64Array

    def __post_init__(self) -> None:
        for name, array, (low, high) in (
            ("offset_q4", self.offset_q4, OFFSET_RANGE_Q4),
            ("slope_q9", self.slope_q9, SLOPE_RANGE_Q9),
            ("bow", self.bow, BOW_RANGE),
        ):
            if array.ndim != 1 or len(array) != len(self.offset_q4):
                raise ValueError(f"{name} has shape {array.shape}, offset_q4 has {self.offset_q4.shape}")
            if len(array) and not low <= int(array.min()) <= int(array.max()) <= high:
                raise ValueError(f"{name} lies outside {low}..{high}")

    @classmethod
    def none(cls, domains: int) -> Corrections:
        """Corrections that leave every code of `domains` domains as it is."""
        zero = np.zeros(domains, np.int64)
        return cls(zero, zero, zero)

    @classmethod
    def unpack(cls, packed: PackedArray) -> Corrections:
        """From the form of wire and memory, (C,) uint32."""
        word = packed.astype(np.int64)
        return cls(
            _signed(word, OFFSET_BITS),
            _signed(word >> OFFSET_BITS, SLOPE_BITS),
            _signed(word >> (OFFSET_BITS + SLOPE_BITS), BOW_BITS),
        )

    def pack(self) -> PackedArray:
        """The form of wire and memory, (C,) uint32: offset in the low 13 bits, slope in the next 10, bow on top."""
        offset = self.offset_q4 & ((1 << OFFSET_BITS) - 1)
        slope = self.slope_q9 & ((1 << SLOPE_BITS) - 1)
        bow = self.bow & ((1 << BOW_BITS) - 1)
        return (offset | slope << OFFSET_BITS | bow << (OFFSET_BITS + SLOPE_BITS)).astype(np.uint32)

    def dac_codes(self, codes: NDArray[np.uint8], code_min: int = 0, code_max: int = 255) -> NDArray[np.uint8]:
        """What the DACs get for calibrated `codes` (C,) uint8: code + parabola, rounded.

        With k = code - 128: (offset + (slope k >> 5) + (bow k^2 >> 12) + 8) >> 4 is added. No correction carries a
        code out of the device's range `code_min`..`code_max`, or further out where a dither has brought it there.
        """
        code = codes.astype(np.int64)
        k = code - CODE_DEFAULT
        shift_q4 = self.offset_q4 + ((self.slope_q9 * k) >> 5) + ((self.bow * k * k) >> 12)
        low, high = np.minimum(code, code_min), np.maximum(code, code_max)
        return np.clip(code + ((shift_q4 + 8) >> 4), low, high).astype(np.uint8)


def _signed(word: Int64Array, bits: int) -> Int64Array:
    """The low `bits` of `word` as a two's complement number."""
    low = word & ((1 << bits) - 1)
    return low - ((low >> (bits - 1)) << bits)
