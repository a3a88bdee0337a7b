"""The learning step of the C core moves the codes exactly as the golden rule does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.core import KERNELS, CoreEngine, CoreResultError
from nt_model.engine import NumpyEngine
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes, dithered_codes
from nt_model.operating import ideal_operating
from tests.core.cases import RunChoice, build_image, differing, image_choices, run_choices, seeds, settings_of_rule
from tests.core.test_array import choice_of, few, many

STATE = ("codes", "accumulator_q8", "mean_q8")


def random_state(rng: np.random.Generator, image: Image) -> LearnState:
    count = image.n_codes
    return LearnState(
        rng.integers(0, 256, count).astype(np.uint8),
        rng.choice(np.array([-1024, -257, -256, -1, 0, 1, 255, 256, 1024], np.int16), count),
        rng.choice(np.array([0, 1, 255, 256, 257, 512, 99_999, 2**31 - 1], np.uint32), count),
    )


def random_spikes(rng: np.random.Generator, image: Image, batch: int) -> Spikes:
    def counts() -> tuple[np.ndarray, ...]:
        return tuple(rng.integers(0, 2, (batch, layer.n_neurons)).astype(np.uint8) for layer in image.layers)

    return Spikes(counts(), counts(), counts())


@many
@given(image_choices, seeds, st.integers(1, 20), settings_of_rule, st.sampled_from(KERNELS))
def test_step_on_any_spikes_and_state(choice, seed, batch, settings, kernel) -> None:
    image = build_image(choice)
    rng = np.random.default_rng(seed)
    state, spikes = random_state(rng, image), random_spikes(rng, image, batch)
    labels = rng.integers(-1, image.n_classes + 1, batch)
    ours = CoreEngine(image, kernel=kernel).learn(state, spikes, labels, settings)
    assert differing(ours, NumpyEngine(image).learn(state, spikes, labels, settings), STATE) == []


@few
@given(run_choices, settings_of_rule)
def test_steps_in_a_loop_with_the_chip_stay_identical(choice: RunChoice, settings: LearnSettings) -> None:
    image, events = choice.build()
    start = LearnState.at(choice.codes(image))
    ends = []
    for engine in (choice.engine(image), NumpyEngine(image)):
        state = start
        for step in range(3):
            codes = [state.codes, *(dithered_codes(image, state.codes, settings, sign) for sign in (1, -1))]
            points = [choice.operating(image, one, point) for point, one in enumerate(codes)]
            spikes = engine.forward_dithered(*points, events, choice.first_step + step)
            labels = np.random.default_rng(step).integers(0, image.n_classes, choice.batch)
            state = engine.learn(state, spikes, labels, settings)
        ends.append(state)
    assert differing(*ends, STATE) == []


@few
@given(run_choices, settings_of_rule)
def test_step_of_the_ideal_chip_in_one_call(choice: RunChoice, settings: LearnSettings) -> None:
    image, events = choice.build()
    engine, golden = choice.engine(image), NumpyEngine(image)
    ours = theirs = LearnState.at(choice.codes(image))
    labels = np.random.default_rng(1).integers(0, image.n_classes, choice.batch)
    for _ in range(3):
        codes = [theirs.codes, *(dithered_codes(image, theirs.codes, settings, sign) for sign in (1, -1))]
        spikes = golden.forward_dithered(*(ideal_operating(image, one) for one in codes), events, 0)
        theirs = golden.learn(theirs, spikes, labels, settings)
        ours = engine.learn_nominal(ours, events, labels, settings)
        assert differing(ours, theirs, STATE) == []


@many
@given(image_choices, seeds, settings_of_rule, st.sampled_from((-1, 1)))
def test_dithered_codes(choice, seed, settings, sign) -> None:
    image = build_image(choice)
    codes = np.random.default_rng(seed).integers(0, 256, image.n_codes).astype(np.uint8)
    expected = dithered_codes(image, codes, settings, sign)
    for kernel in ("", "portable"):
        assert np.array_equal(CoreEngine(image, kernel=kernel).dithered_codes(codes, settings, sign), expected)


@pytest.mark.parametrize("layers", [2, 6, 9])
@pytest.mark.parametrize("weights", ["all +7", "any"])
def test_errors_that_outgrow_32_bits(layers: int, weights: str) -> None:
    """Seven neurons of weight 7 in eight layers multiply an error by 49^8, beyond 2^32 and below 2^63."""
    image = build_image(choice_of((3, *[7] * layers, 4), weights=weights, domains="own"))
    rng = np.random.default_rng(layers)
    open_gates = tuple(np.ones((3, layer.n_neurons), np.uint8) for layer in image.layers)
    silent = tuple(np.zeros_like(one) for one in open_gates)
    state = random_state(rng, image)
    for spikes in (Spikes(silent, silent, open_gates), Spikes(silent, open_gates, silent)):
        labels = np.array([0, 1, 3])
        settings = LearnSettings(rate_q8=3)
        ours = CoreEngine(image).learn(state, spikes, labels, settings)
        assert differing(ours, NumpyEngine(image).learn(state, spikes, labels, settings), STATE) == []


def test_comparison_sees_a_setting_that_is_off_by_one() -> None:
    """Negative control."""
    image = build_image(choice_of((30, 20, 5)))
    rng = np.random.default_rng(1)
    state, spikes = random_state(rng, image), random_spikes(rng, image, 8)
    labels = rng.integers(0, image.n_classes, 8)
    golden = NumpyEngine(image).learn(state, spikes, labels, LearnSettings())
    wrong = CoreEngine(image).learn(state, spikes, labels, dataclasses.replace(LearnSettings(), rate_q8=155))
    assert differing(wrong, golden, STATE) != []


@pytest.mark.parametrize(
    "change", [{"rate_q8": 0}, {"rate_q8": 40000}, {"max_move_code": 0}, {"hidden_dither_code": 128}, {"code_min": 256}]
)
def test_settings_out_of_range_are_refused(change: dict[str, int]) -> None:
    image = build_image(choice_of((30, 20, 5)))
    rng = np.random.default_rng(1)
    with pytest.raises((CoreResultError, UsageError)):
        CoreEngine(image).learn(
            random_state(rng, image),
            random_spikes(rng, image, 2),
            np.zeros(2, np.int64),
            dataclasses.replace(LearnSettings(), **change),
        )
