"""Whole-number arithmetic of the integer rules: exact products, roots, logarithms and powers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.rules.exact import (
    DOUBLE_LIMIT,
    SINGLE_LIMIT,
    ExactProduct,
    divided,
    falling_power_q16,
    log2_q24,
    root_mean_square,
    shifted,
    sigmoid_q15,
    whole_root,
    widest_input,
)
from nt_model.errors import UsageError
from tests.host.rules.toy import SEEDS


@settings(deadline=None)
@given(SEEDS, st.sampled_from([1, 255, 1 << 17, 1 << 40]), st.integers(1, 300))
def test_products_are_those_of_whole_numbers(seed: int, limit: int, inputs: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-7, 8, (inputs, 9))
    values = rng.integers(-limit, limit + 1, (5, inputs))
    np.testing.assert_array_equal(ExactProduct(matrix, limit)(values), values @ matrix)


@pytest.mark.parametrize("bound", [SINGLE_LIMIT, DOUBLE_LIMIT])
def test_the_largest_sums_are_exact(bound: int) -> None:
    """One unit of the last place counts up to the very limit of either precision."""
    matrix = np.array([[1], [1]])
    limit = bound // 2 - 1
    assert ExactProduct(matrix, limit)(np.array([[limit, limit - 1]])).tolist() == [[2 * limit - 1]]


def test_sums_beyond_double_precision_are_refused() -> None:
    matrix = np.full((3, 2), 7)
    widest = widest_input(matrix)
    ExactProduct(matrix, widest)
    with pytest.raises(UsageError, match="too wide"):
        ExactProduct(matrix, widest + 1)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**62 - 1), min_size=1, max_size=20))
def test_roots_are_those_of_python(values: list[int]) -> None:
    assert whole_root(np.array(values, np.int64)).tolist() == [math.isqrt(value) for value in values]


@settings(deadline=None)
@given(st.lists(st.integers(1, 2**62 - 1), min_size=1, max_size=20))
def test_logarithms_are_close_and_never_too_large(values: list[int]) -> None:
    found = log2_q24(np.array(values, np.int64)) / 2**24
    true = np.array([math.log2(value) for value in values])
    assert (found <= true + 1e-12).all()
    np.testing.assert_allclose(found, true, atol=2.0**-23)


def test_a_power_of_two_has_a_whole_logarithm() -> None:
    exponents = np.arange(62)
    np.testing.assert_array_equal(log2_q24(np.int64(1) << exponents), exponents << 24)


def test_powers_fall_by_half_every_256_and_are_the_nearest() -> None:
    steps = np.arange(0, 40 * 256)
    found = falling_power_q16(steps)
    true = 2.0 ** (16 - steps / 256)
    np.testing.assert_array_equal(found[:256], np.rint(true[:256]))
    assert np.abs(found - true).max() < 1
    assert falling_power_q16(np.array([1 << 40])).tolist() == [0]


@settings(deadline=None)
@given(st.integers(-(2**50), 2**50), st.integers(1, 2**12), st.integers(1, 40))
def test_division_rounds_to_the_nearest(value: int, divisor: int, bits: int) -> None:
    half_up = math.floor((2 * value + divisor) / (2 * divisor)) if abs(value) < 2**40 else None
    found = int(divided(np.array([value]), divisor)[0])
    assert abs(2 * (found * divisor - value)) <= divisor
    assert half_up is None or found == half_up
    rounded = int(shifted(np.array([value]), bits)[0])
    assert abs(2 * ((rounded << bits) - value)) <= 1 << bits


@settings(deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31), min_size=1, max_size=20), st.integers(0, 8))
def test_the_root_of_a_mean_square_is_that_of_python(values: list[int], bits: int) -> None:
    expected = math.isqrt((sum(value * value for value in values) << 2 * bits) // len(values))
    assert root_mean_square(np.array(values, np.int64), bits) == expected


def test_the_root_of_a_mean_square_holds_many_of_the_largest() -> None:
    assert root_mean_square(np.full((1000, 1000), 1 << 31, np.int64)) == 1 << 31


@given(st.integers(-(2**20), 2**20))
def test_the_sigmoid_is_the_nearest_but_for_the_table(exponent: int) -> None:
    found = int(sigmoid_q15(np.array([exponent]))[0])
    true = 2**15 / (1 + 2.0 ** (-max(-1000 * 256, exponent) / 256))
    assert abs(found - true) < 1
    assert found + int(sigmoid_q15(np.array([-exponent]))[0]) in (2**15, 2**15 + 1)
