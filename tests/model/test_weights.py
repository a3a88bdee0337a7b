"""Packed weights: the same numbers as int8, unpacked only on demand, unchangeable, checked once."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_model.errors import ImageError
from nt_model.weights import (
    INPUTS_AT_ONCE,
    WORDS_AT_ONCE,
    ForbiddenWeightError,
    PackedWeights,
    pack_weights,
    packed_stride,
    unpack_weights,
)
from tests.model.strategies import make_image


def drawn(seed: int, neurons: int, inputs: int) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-7, 8, (neurons, inputs), np.int8)


seeds, few = st.integers(0, 2**32), st.integers(1, 40)


@given(seeds, few, few)
def test_each_weight_is_in_its_nibble(seed: int, neurons: int, inputs: int) -> None:
    weight = drawn(seed, neurons, inputs)
    columns = pack_weights(weight)
    assert columns.shape == (inputs, packed_stride(neurons))
    for neuron in range(2 * columns.shape[1]):
        nibble = columns[:, neuron // 2] >> (4 * (neuron % 2)) & 15
        expected = weight[neuron] if neuron < neurons else np.zeros(inputs, np.int8)
        assert np.array_equal(nibble.astype(np.int8) - 8, expected)


@pytest.mark.parametrize("inputs", [1, INPUTS_AT_ONCE - 1, INPUTS_AT_ONCE, INPUTS_AT_ONCE + 1, 3 * INPUTS_AT_ONCE])
@pytest.mark.parametrize("neurons", [1, 7, 8, 9, 130])
def test_packed_and_unpacked_are_inverse(neurons: int, inputs: int) -> None:
    weight = drawn(1, neurons, inputs)
    columns = pack_weights(weight)
    back = unpack_weights(columns, neurons)
    assert (back.dtype, back.flags.c_contiguous) == (np.int8, True)
    assert np.array_equal(back, weight)
    assert np.array_equal(pack_weights(back), columns)


@given(seeds, few, few)
def test_what_is_packed_comes_back(seed: int, neurons: int, inputs: int) -> None:
    weight = drawn(seed, neurons, inputs)
    packed = PackedWeights.of(weight)
    assert (packed.n_neurons, packed.n_inputs) == weight.shape
    assert np.array_equal(packed.weight, weight)


def test_spare_nibbles_count_for_nothing() -> None:
    weight = drawn(2, 5, 9)
    columns = pack_weights(weight)
    columns[:, 2] = (columns[:, 2] & 15) | 0x10
    columns[:, 3] = 0xFF
    assert np.array_equal(PackedWeights(columns, 5).weight, weight)


def test_nobody_can_change_them() -> None:
    packed = PackedWeights.of(drawn(3, 6, 4))
    with pytest.raises(FrozenInstanceError):
        packed.n_neurons = 5  # type: ignore[misc]
    for array in (packed.columns, packed.weight):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_int8_is_made_once_and_shared_by_layers_with_the_same_weights() -> None:
    layer = make_image(1, (5, 4, 3)).layers[0]
    other = replace(layer, leak=3)
    assert other.packed is layer.packed
    assert other.weight is layer.weight is layer.packed.weight


def test_pickled_as_packed_bytes() -> None:
    packed = PackedWeights.of(drawn(4, 200, 100))
    before = len(pickle.dumps(packed))
    assert packed.weight.nbytes == 20_000
    assert len(pickle.dumps(packed)) == before < 11_000
    back = pickle.loads(pickle.dumps(packed))
    assert np.array_equal(back.weight, packed.weight)
    assert not back.columns.flags.writeable


@given(st.integers(0, 359), st.booleans())
def test_the_first_zero_nibble_is_refused(where: int, high: bool) -> None:
    columns = pack_weights(drawn(5, 70, 10))
    flat = columns.reshape(-1)
    flat[where] &= 0x0F if high else 0xF0
    flat[min(where + 3, 359)] &= 0xF0
    with pytest.raises(ForbiddenWeightError) as caught:
        PackedWeights(columns, 70)
    assert caught.value.byte == where
    assert isinstance(caught.value, ImageError)


@pytest.mark.parametrize("word", [0, WORDS_AT_ONCE - 1, WORDS_AT_ONCE, WORDS_AT_ONCE + 6])
@pytest.mark.parametrize("byte", range(4))
def test_no_piece_is_left_unchecked(word: int, byte: int) -> None:
    columns = np.full((WORDS_AT_ONCE + 7, 4), 0x18, np.uint8)
    columns[word, byte] = 0x80
    with pytest.raises(ForbiddenWeightError) as caught:
        PackedWeights(columns, 8)
    assert caught.value.byte == 4 * word + byte


@given(seeds)
def test_no_other_nibble_is_refused(seed: int) -> None:
    low, high = np.random.default_rng(seed).integers(1, 16, (2, 6, 8), np.uint8)
    assert PackedWeights(low | high << 4, 16).weight.min() >= -7


@pytest.mark.parametrize(
    ("weight", "cause"),
    [
        (np.zeros((2, 2), np.int16), "not a 2-D int8 array"),
        (np.zeros(4, np.int8), "not a 2-D int8 array"),
        (np.zeros((0, 3), np.int8), "no neuron or no input"),
        (np.zeros((3, 0), np.int8), "no neuron or no input"),
        (np.full((2, 2), 8, np.int8), "outside -7..7"),
        (np.full((2, 2), -8, np.int8), "outside -7..7"),
        (np.full((2, 2), -128, np.int8), "outside -7..7"),
    ],
)
def test_what_is_no_weight_is_refused(weight: NDArray[np.int8], cause: str) -> None:
    with pytest.raises(ImageError, match=cause):
        PackedWeights.of(weight)


@pytest.mark.parametrize(
    ("columns", "neurons"),
    [
        (np.full((2, 4), 0x88, np.uint8), 9),
        (np.full((2, 8), 0x88, np.uint8), 8),
        (np.full((2, 4), 0x88, np.int16), 8),
        (np.full((2, 8), 0x88, np.uint8)[:, ::2], 8),
        (np.full((2, 0), 0x88, np.uint8), 0),
    ],
)
def test_bytes_of_another_shape_are_refused(columns: NDArray[np.uint8], neurons: int) -> None:
    with pytest.raises(ImageError):
        PackedWeights(columns, neurons)
