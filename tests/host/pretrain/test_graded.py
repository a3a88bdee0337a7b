"""Graded ROM: the chip counts as the fit assumed, the image knows its source, codes alone carry it to a new world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer, compile_network, compile_trained, encoder_of
from nt_host.pretrain import PretrainError, fit_encoder
from nt_host.pretrain.encode import CountEncoder
from nt_host.pretrain.graded import firing_shares_q12, steady_counts, train_graded
from nt_host.pretrain.spec import GradedSpec, TrainedNetwork, TrainProgress
from nt_host.readout import image_accuracy, predict
from nt_host.rules import make_rule
from nt_model.image import Image
from tests.host.rules.toy import observe

FloatArray = NDArray[np.float32]
SMALL = GradedSpec(time_steps=16, axes=6, dropped_axes=0, copies=6, drive=0.25, steps=120)
CLASSES = 3
FEATURES = 6


def samples(seed: int, shift: float = 0.0) -> tuple[FloatArray, NDArray[np.int64]]:
    """Three classes in six features, 40 samples each, with one loud direction that tells nothing; ``shift`` moves and
    stretches all of it."""
    rng = np.random.default_rng(seed)
    world = np.random.default_rng(99)
    centres = 4 * world.normal(size=(CLASSES, FEATURES))
    loud = world.normal(size=FEATURES)
    labels = np.repeat(np.arange(CLASSES), 40)
    values = centres[labels] + rng.normal(size=(len(labels), FEATURES))
    values += rng.normal(0, 6, (len(labels), 1)) * loud
    stretched = values * np.exp(shift * world.normal(size=FEATURES)) + 8 * shift * world.normal(size=FEATURES)
    return stretched.astype(np.float32), labels


def trained(spec: GradedSpec = SMALL) -> tuple[TrainedNetwork, CountEncoder]:
    features, labels = samples(0)
    encoder = fit_encoder(features, "none")
    return train_graded(spec, features, labels, np.zeros(len(labels), np.int64), encoder), encoder


def accuracy_at(image: Image, codes: NDArray[np.uint8], events: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    counts = observe(image, codes, events, labels, None).plain[-1]
    return float((predict(image.readout_class, counts) == labels).mean())


@settings(max_examples=60, deadline=None)
@given(
    drive=st.integers(-20, 400), threshold=st.integers(1, 60_000), time_steps=st.integers(2, 64), seed=st.integers(0, 9)
)
def test_the_fit_counts_spikes_as_the_array_does(drive: int, threshold: int, time_steps: int, seed: int) -> None:
    # A membrane that meets its threshold exactly is a matter of rounding.
    assume(drive <= 0 or threshold % (256 * drive) != 0)
    image = compile_network(
        [NetworkLayer(np.array([[0, 0]]), np.array([drive]), np.array([threshold]))],
        np.zeros(1, np.uint16),
        encoder_of(CountEncoder("none", np.zeros(1, np.float32), np.ones(1, np.float32))),
        n_steps=time_steps,
    )
    seen = observe(image, np.full(1, 128, np.uint8), np.zeros((1, 2), np.uint8), np.zeros(1, np.int64), None)
    ratio = np.array([[256 * drive / threshold]], np.float32)
    assert seen.plain[-1].tolist() == steady_counts(ratio, time_steps).tolist()


def test_the_integer_image_is_as_right_about_its_source_as_the_fit_was() -> None:
    network, encoder = trained()
    image = compile_trained(network, encoder)
    features, labels = samples(0)
    assert image.n_steps == SMALL.time_steps
    found = accuracy_at(image, np.full(image.n_codes, 128, np.uint8), encoder.encode(features), labels)
    assert network.train_accuracy > 0.95
    assert found == pytest.approx(network.train_accuracy, abs=0.03)


def test_the_image_says_at_which_share_of_spikes_its_classes_fire() -> None:
    network, encoder = trained()
    image = compile_trained(network, encoder)
    features, labels = samples(0)
    counts = observe(image, np.full(image.n_codes, 128, np.uint8), encoder.encode(features), labels, None).plain[-1]
    found = image_accuracy(image, counts, labels)
    assert network.train_strict_accuracy > 0.8
    assert found.strict == pytest.approx(network.train_strict_accuracy, abs=0.05)
    assert image_accuracy(image, counts, (labels + 1) % CLASSES).strict < 0.05


def test_shares_lie_half_way_between_own_and_other_samples() -> None:
    scores = np.array([[6, 2], [4, 4], [0, 8], [2, 6], [0, 0]])
    labels = np.array([0, 0, 1, 1, 1])
    own, other = (0.75 + 0.5) / 2, (0 + 0.25 + 0) / 3
    again = (1 + 0.75 + 0) / 3, (0.25 + 0.5) / 2
    expected = np.rint(4096 * np.array([(own + other) / 2, sum(again) / 2]))
    np.testing.assert_array_equal(firing_shares_q12(scores, labels), expected)


def test_without_the_folded_gains_all_classes_score_alike() -> None:
    """Control of the test above: what tells classes apart is the start gains in the thresholds."""
    network, encoder = trained()
    layer = network.layers[0]
    common = np.tile(layer.threshold_q8.reshape(CLASSES, -1)[0], CLASSES)
    image = compile_trained(replace(network, layers=(replace(layer, threshold_q8=common),)), encoder)
    features, labels = samples(0)
    found = accuracy_at(image, np.full(image.n_codes, 128, np.uint8), encoder.encode(features), labels)
    assert found == pytest.approx(1 / CLASSES)


def test_every_class_has_the_same_directions_in_both_signs() -> None:
    layer = trained()[0].layers[0]
    of_class = layer.weight.reshape(CLASSES, -1, 2 * FEATURES)
    assert (of_class == of_class[:1]).all()
    directions = {tuple(row) for row in of_class[0].tolist()}
    assert {tuple(-weight for weight in row) for row in directions} == directions
    # The negative part of a feature counts against its positive part.
    np.testing.assert_array_equal(layer.weight[:, :FEATURES], -layer.weight[:, FEATURES:])


@pytest.mark.parametrize("right", [True, False], ids=["right labels", "wrong labels"])
def test_codes_alone_carry_the_classes_to_a_shifted_world(right: bool) -> None:
    network, encoder = trained()
    image = compile_trained(network, encoder)
    features, labels = samples(1, shift=0.8)
    events = encoder.encode(features)
    few = np.concatenate([np.flatnonzero(labels == label)[:8] for label in range(CLASSES)])
    rest = np.setdiff1d(np.arange(len(labels)), few)
    codes = np.full(image.n_codes, 128, np.uint8)
    before = accuracy_at(image, codes, events[rest], labels[rest])
    told = labels[few] if right else (labels[few] + 1) % CLASSES
    rule = make_rule("scores", image, codes, {"steps": 60})
    for _ in range(60):
        codes = rule.update(observe(image, codes, events[few], told, None))
    after = accuracy_at(image, codes, events[rest], labels[rest])
    assert before < 0.8
    assert after > 0.9 if right else after < 0.3


def test_the_same_seed_gives_the_same_network_and_tells_its_progress() -> None:
    features, labels = samples(0)
    told: list[TrainProgress] = []
    encoder = fit_encoder(features, "none")
    again = train_graded(SMALL, features, labels, np.zeros(len(labels), np.int64), encoder, told.append)
    first, other = trained()[0].layers[0], trained(replace(SMALL, seed=1))[0].layers[0]
    np.testing.assert_array_equal(again.layers[0].threshold_q8, first.threshold_q8)
    assert (other.bias != first.bias).any()
    assert [report.step for report in told] == [50, 100, 120]
    assert told[-1].accuracy > 0.9


def test_scatter_is_measured_within_a_domain() -> None:
    """Users who differ in a constant must not make that difference an axis."""
    features, labels = samples(0)
    user = np.arange(len(labels)) % 2
    apart = features + 30 * user[:, None].astype(np.float32)
    encoder = fit_encoder(features, "none")
    known = train_graded(SMALL, apart, labels, user, encoder).layers[0].weight
    unknown = train_graded(SMALL, apart, labels, np.zeros_like(user), encoder).layers[0].weight
    assert (known != unknown).any()


@pytest.mark.parametrize(
    "changed",
    [
        {"time_steps": 1},
        {"time_steps": 256},
        {"axes": 0},
        {"copies": 0},
        {"drive": 0.0},
        {"lead": -1.0},
        {"steps": 0},
        {"dropped_axes": -1},
        {"kink_spread": -0.1},
    ],
)
def test_settings_out_of_range_are_refused(changed: dict[str, float]) -> None:
    with pytest.raises(PretrainError, match=next(iter(changed))):
        GradedSpec(**changed)  # type: ignore[arg-type]


def test_data_that_give_no_network_are_refused() -> None:
    features, labels = samples(0)
    encoder = fit_encoder(features, "none")
    nobody = np.zeros(len(labels), np.int64)
    with pytest.raises(PretrainError, match="class"):
        train_graded(SMALL, features, labels * 2, nobody, encoder)
    with pytest.raises(PretrainError, match="NaN"):
        train_graded(SMALL, np.full_like(features, np.nan), labels, nobody, encoder)
    with pytest.raises(PretrainError, match="dropped"):
        train_graded(replace(SMALL, dropped_axes=FEATURES), features, labels, nobody, encoder)
