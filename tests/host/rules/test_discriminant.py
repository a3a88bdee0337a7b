"""Rule `discriminant`: its weights are a discriminant's, its switches add up to them, and it goes on to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.readout import class_scores
from nt_host.rules import Observation, Rule, entry_named, make_rule
from nt_host.rules.hidden_moments import ONE_Q16, HiddenMoments, Scatter
from nt_host.rules.switches import SwitchBoard
from nt_host.rules.whole_weights import pull_q16, whole_weights
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.weights import PackedWeights
from tests.host.rules.toy import observe, random_image, some_codes, some_samples

ByteArray = NDArray[np.uint8]
SEEDS = st.integers(0, 1000)
NEURONS = 40


def switches(seed: int = 5, per_class: int = 32) -> Image:
    return switched_image(random_image(seed, (12, NEURONS, 3), "own"), SwitchSpec(per_class=per_class))


def some_spikes(seed: int, count: int = 60) -> tuple[ByteArray, NDArray[np.int64]]:
    """Spikes (count, 20) that hang together, and labels of three classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    drive = rng.normal(size=(count, 4)) @ rng.normal(size=(4, 20)) + rng.normal(size=(3, 20))[labels]
    return (drive > 0).astype(np.uint8), labels


def some_scatter(seed: int, shrink: float = 0.5) -> Scatter:
    moments = HiddenMoments(3, 20)
    moments.add(*some_spikes(seed))
    return moments.scatter(round(shrink * ONE_Q16))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_scatter_is_that_of_the_float_equations(seed: int) -> None:
    spikes, labels = some_spikes(seed)
    mean = np.array([spikes[labels == label].mean(axis=0) for label in range(3)])
    apart = spikes - mean[labels]
    within = apart.T @ apart
    expected = 0.75 * within / (np.trace(within) / 20) + 0.25 * np.eye(20)
    found = some_scatter(seed, 0.25)
    np.testing.assert_allclose(found.within_q16 / 2**16, expected, atol=2e-3)
    np.testing.assert_allclose(found.apart_q16 / 2**16, mean - mean.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(found.middle_q12 / 2**12, (mean + mean.mean(axis=0)) / 2, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_unlimited_weights_are_the_discriminants(seed: int) -> None:
    scatter = some_scatter(seed)
    wide = np.full((3, 20), 10**6)
    found = whole_weights(scatter, -wide, wide, reach_q16=1000 * ONE_Q16, offset_q16=1, passes=300)
    expected = np.linalg.solve(scatter.within_q16 / 2**16, pull_q16(scatter.apart_q16, ONE_Q16).T / 2**16).T
    np.testing.assert_allclose(found / 1000, expected, atol=0.05)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, reach=st.floats(0.3, 3), offset=st.floats(0.01, 4))
def test_no_other_value_of_one_weight_is_better(seed: int, reach: float, offset: float) -> None:
    scatter = some_scatter(seed)
    rng = np.random.default_rng(seed)
    low, high = -rng.integers(0, 3, (3, 20)), rng.integers(0, 3, (3, 20))
    reach_q16, offset_q16 = round(reach * ONE_Q16), round(offset * ONE_Q16)
    found = whole_weights(scatter, low, high, reach_q16=reach_q16, offset_q16=offset_q16, passes=100)
    assert (low <= found).all()
    assert (found <= high).all()
    cost, pull = scatter.within_q16 / 2**16, pull_q16(scatter.apart_q16, reach_q16) / 2**16
    middle = scatter.middle_q12 / 2**12

    def quadratic(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        middles = offset * (weights * middle).sum(axis=1) ** 2
        return ((weights @ cost) * weights).sum(axis=1) / 2 + middles / 2 - (weights * pull).sum(axis=1)

    for j in range(20):
        for step in (-1, 1):
            other = found.copy()
            other[:, j] = np.clip(other[:, j] + step, low[:, j], high[:, j])
            assert (quadratic(other) >= quadratic(found) - 1e-3).all()


def blobs(image: Image, seed: int, count: int = 60) -> tuple[ByteArray, NDArray[np.int64]]:
    """Events round one centre per class."""
    labels = np.arange(count) % image.n_classes
    centre = np.random.default_rng(77).integers(0, 60, (image.n_classes, image.n_inputs))
    noise = np.random.default_rng(seed).normal(0, 6, (count, image.n_inputs))
    return np.clip(np.rint(centre[labels] + noise), 0, 255).astype(np.uint8), labels


def learned(image: Image, batches: list[tuple[ByteArray, NDArray[np.int64]]]) -> tuple[Rule, list[ByteArray]]:
    """Rule and the codes after each batch, switches turning with the last."""
    codes = np.full(image.n_codes, 128, np.uint8)
    rule = make_rule("discriminant", image, codes, {"steps": len(batches)})
    after = []
    for events, labels in batches:
        codes = rule.update(observe(image, codes, events, labels, None))
        after.append(codes)
    return rule, after


def right(image: Image, codes: ByteArray) -> float:
    events, labels = blobs(image, 9)
    scores = class_scores(image.readout_class, observe(image, codes, events, labels, None).plain[-1])
    return float((scores.argmax(axis=1) == labels).mean())


def test_it_solves_an_easy_problem_and_wrong_labels_do_not() -> None:
    image = switches(per_class=2 * NEURONS)
    events, labels = blobs(image, 1)
    _, after = learned(image, [(events, labels)])
    assert right(image, after[-1]) > 0.9
    _, after = learned(image, [(events, (labels + 1) % 3)])
    assert right(image, after[-1]) < 0.2


def test_codes_stay_until_all_is_gathered_and_then_hidden_ones_stay() -> None:
    image = switches()
    _, after = learned(image, [blobs(image, seed) for seed in range(3)])
    assert (after[0] == 128).all()
    assert (after[1] == 128).all()
    board = SwitchBoard.of(image)
    hidden = np.setdiff1d(np.arange(image.n_codes), board.code)
    assert (after[2][hidden] == 128).all()
    assert (after[2][board.code] != 128).any()


def test_how_samples_are_batched_does_not_matter() -> None:
    image = switches()
    events, labels = blobs(image, 1)
    order = np.random.default_rng(2).permutation(len(labels))
    _, whole = learned(image, [(events, labels)])
    _, parts = learned(image, [(events[rows], labels[rows]) for rows in np.split(order, 4)])
    np.testing.assert_array_equal(parts[-1], whole[-1])


def test_several_switches_of_one_kind_make_a_larger_weight() -> None:
    """All switches on two neurons."""
    image = switches()
    layer = image.layers[-1]
    weight = np.zeros_like(layer.weight)
    weight[np.arange(len(weight)), np.arange(len(weight)) % 2] = layer.weight.sum(axis=1)
    image = replace(image, layers=(image.layers[0], replace(layer, packed=PackedWeights.of(weight.astype(np.int8)))))
    _, after = learned(image, [blobs(image, 1)])
    active = after[-1][SwitchBoard.of(image).code] > 128
    readout = SwitchBoard.of(image).readout(active)
    assert not readout[:, 2:].any()
    assert np.abs(readout).max() > 1


def test_a_restored_rule_goes_on_to_the_bit() -> None:
    image = switches()
    codes = some_codes(image, 1)
    batches = [some_samples(image, seed, 20) for seed in range(4)]
    first = make_rule("discriminant", image, codes, {"steps": 3})
    for each in batches[:2]:
        first.update(observe(image, codes, *each, None))
    second = make_rule("discriminant", image, np.full(image.n_codes, 128, np.uint8), {"steps": 3})
    second.restore(first.state())
    for each in batches[2:]:
        seen = observe(image, codes, *each, None)
        np.testing.assert_array_equal(first.update(seen), second.update(seen))
    for key, array in first.state().items():
        np.testing.assert_array_equal(second.state()[key], array, strict=True)
    with pytest.raises(UsageError, match="product"):
        first.restore({key: array for key, array in second.state().items() if key != "product"})


@pytest.mark.parametrize("labels", [[0, 0, 0], [2, 2, 1]])
def test_a_class_without_samples_never_votes_for_itself(labels: list[int]) -> None:
    image = switches()
    codes = np.full(image.n_codes, 128, np.uint8)
    rule = make_rule("discriminant", image, codes, {"steps": 1})
    events = np.random.default_rng(0).integers(0, 30, (3, image.n_inputs)).astype(np.uint8)
    board = SwitchBoard.of(image)
    active = rule.update(observe(image, codes, events, np.array(labels), None))[board.code] > 128
    missing = sorted(set(range(3)) - set(labels))
    np.testing.assert_array_equal(board.readout(active)[missing], board.readout(board.sign < 0)[missing])


def test_an_image_without_switches_is_refused() -> None:
    for image in (random_image(0, (3, 2), "own"), random_image(0, (9, 8, 6), "own")):
        with pytest.raises(UsageError, match="switches"):
            make_rule("discriminant", image, some_codes(image, 0))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, limits=st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted))
def test_codes_are_legal(seed: int, limits: list[int]) -> None:
    image = switches(seed)
    values = {"code_min": limits[0], "code_max": limits[1], "steps": 1}
    rule = make_rule("discriminant", image, some_codes(image, seed), values)
    codes = rule.update(observe(image, some_codes(image, seed), *some_samples(image, seed), None))
    assert codes.dtype == np.uint8
    assert limits[0] <= codes.min()
    assert codes.max() <= limits[1]


OUT_OF_RANGE: dict[str, list[float]] = {
    "steps": [0, 1.5],
    "shrink": [0.0, 1.5, float("nan")],
    "reach": [0.0, 17.0],
    "offset": [-1.0, 17.0],
    "passes": [0],
    "swing": [0.0],
    "code_min": [-1],
    "code_max": [256],
}


def test_every_setting_refuses_what_lies_outside_its_range() -> None:
    assert OUT_OF_RANGE.keys() == entry_named("discriminant").settings_type.__dataclass_fields__.keys()
    image = switches()
    for setting, values in OUT_OF_RANGE.items():
        for value in values:
            with pytest.raises(UsageError, match=setting):
                make_rule("discriminant", image, some_codes(image, 0), {setting: value})


def test_what_the_rule_sees_belongs_to_the_caller() -> None:
    image = switches()
    codes = some_codes(image, 3)
    events, labels = some_samples(image, 3)
    seen = observe(image, codes, events, labels, None)
    kept = Observation(labels.copy(), events.copy(), tuple(each.copy() for each in seen.plain), codes.copy())
    make_rule("discriminant", image, codes, {"steps": 1}).update(seen)
    np.testing.assert_array_equal(seen.codes, kept.codes)
    np.testing.assert_array_equal(seen.plain[0], kept.plain[0])
