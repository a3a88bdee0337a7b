"""The learning step of the golden model: what its equations promise, on random images and on hand-made cases."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nt_model.engine import NumpyEngine
from nt_model.image import Image
from nt_model.learn import (
    LearnSettings,
    LearnState,
    Spikes,
    code_error,
    dithered_codes,
    layer_errors,
    learn_step,
    output_error,
    update_codes,
)
from nt_model.operating import ideal_operating
from nt_model.weights import PackedWeights
from tests.model.strategies import images, make_image

SETTINGS = LearnSettings()


def dithered(image: Image, codes: np.ndarray, x: np.ndarray) -> Spikes:
    """Spikes of an ideal chip at the codes and at both dithered sets of codes."""
    points = [
        ideal_operating(image, moved)
        for moved in (codes, dithered_codes(image, codes, SETTINGS, 1), dithered_codes(image, codes, SETTINGS, -1))
    ]
    return NumpyEngine(image).forward_dithered(points[0], points[1], points[2], x, 0)


def some_samples(image: Image, seed: int, batch: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 30, (batch, image.n_steps, image.n_inputs)).astype(np.uint8)
    return x, rng.integers(0, image.n_classes, batch)


def test_the_margin_asks_targets_to_fire_at_the_lower_code_and_others_to_keep_silent_at_the_higher():
    image = make_image(1, (4, 3, 4), classes=2)
    minus = np.array([[0, 1, 1, 0]], np.uint8)
    plus = np.array([[1, 1, 0, 0]], np.uint8)
    hidden = np.zeros((1, 3), np.uint8)
    spikes = Spikes((hidden, plus), (hidden, plus), (hidden, minus))
    assert image.readout_class.tolist() == [0, 1, 0, 1]
    assert output_error(image, spikes, np.array([0])).tolist() == [[1, -1, 0, 0]]


def test_errors_reach_a_hidden_neuron_only_through_its_gate():
    image = make_image(2, (4, 3, 2), classes=2)
    plain = (np.zeros((1, 3), np.uint8), np.zeros((1, 2), np.uint8))
    plus = (np.array([[1, 0, 1]], np.uint8), np.zeros((1, 2), np.uint8))
    minus = (np.array([[0, 0, 1]], np.uint8), np.zeros((1, 2), np.uint8))
    hidden, output = layer_errors(image, Spikes(plain, plus, minus), np.array([1]))
    assert output.tolist() == [[0, 1]]
    assert hidden.tolist() == [[int(image.layers[1].weight[1, 0]), 0, 0]]


@given(images, st.integers(0, 2**32))
def test_codes_and_accumulators_stay_in_their_ranges_over_many_steps(image, seed):
    settings = dataclasses.replace(SETTINGS, code_min=20, code_max=200, rate_q8=4000)
    state = LearnState.at(np.full(image.n_codes, 128, np.uint8))
    for step in range(4):
        x, labels = some_samples(image, seed + step)
        after = learn_step(image, state, dithered(image, state.codes, x), labels, settings)
        move = np.abs(after.codes.astype(int) - state.codes)
        assert move.max() <= settings.max_move_code
        assert 20 <= after.codes.min() <= after.codes.max() <= 200
        assert np.abs(after.accumulator_q8.astype(int)).max() <= 1024
        state = after


@given(images, st.integers(0, 2**32))
def test_a_batch_counts_as_the_sum_of_its_samples(image, seed):
    x, labels = some_samples(image, seed)
    codes = np.full(image.n_codes, 128, np.uint8)
    whole = code_error(image, layer_errors(image, dithered(image, codes, x), labels))
    parts = [
        code_error(image, layer_errors(image, dithered(image, codes, x[i : i + 1]), labels[i : i + 1]))
        for i in range(len(x))
    ]
    assert np.array_equal(whole, np.sum(parts, axis=0))


def test_no_error_moves_no_code_and_forgets_nothing():
    state = LearnState(np.array([7, 250], np.uint8), np.array([100, -3], np.int16), np.array([9, 0], np.uint32))
    after = update_codes(state, np.zeros(2, np.int64), SETTINGS)
    assert after.codes.tolist() == [7, 250]
    assert after.accumulator_q8.tolist() == [100, -3]
    assert after.mean_q8.tolist() == [9, 0]


@given(st.integers(-(5 * 10**5), 5 * 10**5), st.integers(1, 12))
def test_the_size_of_steady_errors_is_normalised_away(error, scale):
    """Errors of any steady size move a code at a rate between half of and the full rate."""
    if error == 0:
        return
    settings = dataclasses.replace(SETTINGS, rate_q8=256, max_move_code=8)
    state = LearnState.at(np.full(1, 128, np.uint8))
    for _ in range(16):
        state = update_codes(state, np.array([error * scale]), settings)
    moved = abs(int(state.codes[0]) - 128 + int(state.accumulator_q8[0]) / 256)
    assert 7.9 <= moved <= 16.1


@given(st.integers(0, 2**32))
def test_the_two_halves_of_a_split_domain_are_pushed_apart(seed):
    image = make_image(seed, (6, 5, 3), split=True)
    x, labels = some_samples(image, seed)
    codes = np.full(image.n_codes, 128, np.uint8)
    error = code_error(image, layer_errors(image, dithered(image, codes, x), labels))
    for layer in image.layers:
        assert np.array_equal(error[layer.domain[:, 0]], -error[layer.domain[:, 1]])


def two_sided_image() -> Image:
    """Half of the hidden neurons answers to either half of the inputs, half of the outputs to either hidden half."""
    base = make_image(0, (20, 40, 6), classes=2)
    hidden = np.where((np.arange(40)[:, None] < 20) == (np.arange(20)[None, :] < 10), 3, -3).astype(np.int8)
    output = np.where((np.arange(6)[:, None] % 2 == 0) == (np.arange(40)[None, :] < 20), 2, -2).astype(np.int8)
    layers = (
        dataclasses.replace(
            base.layers[0], packed=PackedWeights.of(hidden), threshold_q8=np.full(40, 120 * 256, np.int32)
        ),
        dataclasses.replace(
            base.layers[1], packed=PackedWeights.of(output), threshold_q8=np.full(6, 20 * 256, np.int32)
        ),
    )
    return dataclasses.replace(base, layers=layers)


def test_learning_mends_scrambled_codes():
    image = two_sided_image()
    rng = np.random.default_rng(0)
    rates = np.repeat([[6] * 10 + [1] * 10, [1] * 10 + [6] * 10], 20, axis=0)
    x, labels = rng.poisson(rates)[:, None].astype(np.uint8), np.repeat([0, 1], 20)
    state = LearnState.at(rng.integers(0, 100, image.n_codes).astype(np.uint8))
    before = np.abs(output_error(image, dithered(image, state.codes, x), labels)).mean()
    for step in range(100):
        settings = dataclasses.replace(SETTINGS, rate_q8=int(2560 * 0.97**step))
        state = learn_step(image, state, dithered(image, state.codes, x), labels, settings)
    after = np.abs(output_error(image, dithered(image, state.codes, x), labels)).mean()
    assert before > 0.2
    assert after < 0.25 * before
