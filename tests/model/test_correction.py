"""Corrections: packing, identity, range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.correction import BOW_RANGE, OFFSET_RANGE_Q4, SLOPE_RANGE_Q9, Corrections

WORDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40).map(lambda words: np.array(words, np.uint32))
CODES = st.integers(0, 255)


@given(WORDS)
def test_every_word_survives_unpacking(words: np.ndarray) -> None:
    assert (Corrections.unpack(words).pack() == words).all()


@given(CODES, CODES, CODES)
def test_a_word_of_zero_changes_nothing(code: int, low: int, high: int) -> None:
    codes = np.array([code], np.uint8)
    assert Corrections.none(1).dac_codes(codes, low, max(low, high)) == code


@given(WORDS, CODES, st.tuples(CODES, CODES).map(sorted))
def test_no_correction_leaves_the_range_of_the_device(words: np.ndarray, code: int, limits: list[int]) -> None:
    low, high = limits
    dac = Corrections.unpack(words).dac_codes(np.full(len(words), code, np.uint8), low, high)
    assert (dac >= min(low, code)).all()
    assert (dac <= max(high, code)).all()


@given(st.integers(*OFFSET_RANGE_Q4), st.integers(*SLOPE_RANGE_Q9), st.integers(*BOW_RANGE), CODES)
def test_the_parabola_is_that_of_the_spec(offset: int, slope: int, bow: int, code: int) -> None:
    one = Corrections(*(np.array([value]) for value in (offset, slope, bow)))
    k = code - 128
    exact = offset / 16 + slope * k / 512 + bow * k * k / 65536
    dac = int(one.dac_codes(np.array([code], np.uint8))[0])
    assert abs(dac - min(255, max(0, code + exact))) <= 0.5 + 2 / 16


def test_numbers_out_of_range_are_refused() -> None:
    zero = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="slope_q9"):
        Corrections(zero, zero + 512, zero)
    with pytest.raises(ValueError, match="shape"):
        Corrections(zero, np.zeros(2, np.int64), zero)
