"""Switch neurons: the array of the golden model is the linear readout that they are said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.pretrain.spec import PretrainError
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.readout import class_scores
from nt_host.rules import make_rule
from nt_host.rules.switches import SwitchBoard
from nt_model.engine import NumpyEngine
from nt_model.image import CODE_DEFAULT, Image
from nt_model.operating import ideal_operating
from nt_model.weights import PackedWeights
from tests.host.rules.toy import Problem, random_image

ByteArray = NDArray[np.uint8]
SPEC = SwitchSpec(per_class=24, seed=3)
OFF_CODE, ON_CODE = 60, 250


def made(seed: int = 0) -> Image:
    return switched_image(random_image(seed, (12, 16, 5, 3), "own"), SPEC)


def shown(image: Image, codes: ByteArray, events: ByteArray) -> tuple[ByteArray, ...]:
    return NumpyEngine(image).forward(ideal_operating(image, codes), events[:, None, :], 0).counts


def some_events(seed: int, count: int = 20) -> ByteArray:
    return np.random.default_rng(seed).integers(0, 30, (count, 12)).astype(np.uint8)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_votes_are_half_the_population_and_a_ternary_readout(seed: int) -> None:
    image = made(seed)
    board = SwitchBoard.of(image)
    active = np.random.default_rng(seed).random(len(board.code)) < 0.5
    codes = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    codes[board.code] = np.where(active, ON_CODE, OFF_CODE)
    hidden, output = shown(image, codes, some_events(seed))
    expected = hidden.astype(np.int64) @ board.readout(active).T.astype(np.int64) + SPEC.per_class // 2
    np.testing.assert_array_equal(class_scores(image.readout_class, output), expected)


def test_an_untouched_chip_votes_for_no_class() -> None:
    image = made()
    codes = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    votes = class_scores(image.readout_class, shown(image, codes, some_events(1))[-1])
    assert (votes == SPEC.per_class // 2).all()


def test_the_gradient_is_what_one_more_active_switch_adds() -> None:
    image = made()
    board = SwitchBoard.of(image)
    rng = np.random.default_rng(0)
    spikes = (rng.random((9, 16)) < 0.4).astype(np.uint8)
    error = rng.integers(-(1 << 17), 1 << 17, (9, image.n_classes))
    active = np.zeros(len(board.code), np.bool_)
    base = int((error * (spikes @ board.readout(active).T)).sum())
    gradient = board.gradient(error, spikes, 1)
    for index in (0, 5, 30, 71):
        one = active.copy()
        one[index] = True
        change = int((error * (spikes @ board.readout(one).T)).sum()) - base
        assert change == gradient[index]


def test_what_is_no_switch_is_not_taken_for_one() -> None:
    image = made()
    layer = image.layers[-1]
    weight, bias, threshold, domain = (
        array.copy() for array in (layer.weight, layer.bias, layer.threshold_q8, layer.domain)
    )
    weight[0, :] = 1
    bias[1] = 2
    threshold[2] = -threshold[2]
    domain[3, 1] = domain[4, 0]
    spoilt = replace(layer, packed=PackedWeights.of(weight), bias=bias, threshold_q8=threshold, domain=domain)
    board = SwitchBoard.of(replace(image, layers=(image.layers[0], spoilt)))
    np.testing.assert_array_equal(board.neuron, np.arange(5, layer.n_neurons))


def blobs(seed: int) -> tuple[ByteArray, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 120)
    middles = rng.integers(0, 60, (3, 12))
    return np.clip(rng.normal(middles[labels], 2), 0, 255).astype(np.uint8), labels


def halving(image: Image, events: ByteArray) -> Image:
    """`image` with a first layer of which every neuron spikes for about half of `events`."""
    first = image.layers[0]
    middle = np.median(events.astype(np.int64) @ first.weight.T.astype(np.int64), axis=0)
    bias = (1000 - middle).astype(np.int16)
    threshold = np.full(first.n_neurons, 1000 * 256, np.int32)
    return replace(image, layers=(replace(first, bias=bias, threshold_q8=threshold), image.layers[1]))


def accuracy_after(labels_seen: NDArray[np.int64], events: ByteArray, labels: NDArray[np.int64]) -> float:
    image = halving(made(1), events)
    start = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    problem = Problem(image, events, labels)
    codes = problem.learn(make_rule("ballot", image, start, {"steps": 60}), start, 60, teacher=labels_seen)
    votes = class_scores(image.readout_class, shown(image, codes, events)[-1])
    return float((votes.argmax(axis=1) == labels).mean())


def test_ballot_teaches_switches_and_shuffled_labels_do_not() -> None:
    events, labels = blobs(0)
    assert accuracy_after(labels, events, labels) > 0.9
    assert accuracy_after(np.random.default_rng(1).permutation(labels), events, labels) < 0.7


@pytest.mark.parametrize("per_class", [0, 3, -2])
def test_switches_come_in_pairs(per_class: int) -> None:
    with pytest.raises(PretrainError, match="per_class"):
        SwitchSpec(per_class=per_class)


def test_a_small_first_layer_is_refused() -> None:
    with pytest.raises(PretrainError, match="16 neurons"):
        switched_image(random_image(0, (12, 16, 3), "own"), SwitchSpec(per_class=34))


def test_one_seed_gives_one_image_and_another_gives_another() -> None:
    base = random_image(0, (12, 16, 3), "own")
    first, again = (switched_image(base, SPEC).layers[-1].weight for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (switched_image(base, replace(SPEC, seed=4)).layers[-1].weight != first).any()
