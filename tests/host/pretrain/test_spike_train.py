"""Training on tiny problems: legal integers, repeatable, right on the golden model, and tunable where it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

from nt_host.compile import compile_trained
from nt_host.encode import encode
from nt_host.pretrain import PretrainError, TrainedNetwork, TrainProgress, TrainSpec, fit_encoder
from nt_host.pretrain.spike_train import train, train_events
from nt_host.readout import accuracy
from nt_host.rules import make_rule
from nt_model.engine import NumpyEngine
from nt_model.image import Image
from nt_model.image_file import image_bytes, parse_image
from nt_model.operating import ideal_operating
from tests.host.rules.toy import Problem

pytestmark = pytest.mark.torch

Features = NDArray[np.float32]
Labels = NDArray[np.int64]

CLASSES, FEATURES, PER_CLASS = 3, 6, 50
SPEC = TrainSpec(hidden=(16,), population=4, steps=100, batch_size=32)
SHORT = replace(SPEC, steps=5)


def blobs() -> tuple[Features, Labels]:
    """Three classes that lie well apart."""
    rng = np.random.default_rng(9)
    centres = rng.normal(0, 1.5, (CLASSES, FEATURES))
    labels = np.arange(PER_CLASS * CLASSES) % CLASSES
    return (centres[labels] + rng.normal(0, 0.5, (len(labels), FEATURES))).astype(np.float32), labels


def trained(spec: TrainSpec, world: Callable[[np.random.Generator], Features] | None = None) -> TrainedNetwork:
    features, labels = blobs()
    return train(spec, features, labels, fit_encoder(features, "none"), world=world)


def compiled(network: TrainedNetwork) -> Image:
    return compile_trained(network, fit_encoder(blobs()[0], "none"))


def golden_spikes(image: Image, features: Features) -> NDArray[np.uint8]:
    """Output spikes (S, N) of the golden model at nominal gains."""
    x = encode(image.encoder, features, 1)[:, None, :]
    codes = np.full(image.n_codes, 128, np.uint8)
    return NumpyEngine(image).forward(ideal_operating(image, codes), x, 0).counts[-1]


def arrays(network: TrainedNetwork) -> list[NDArray[np.generic]]:
    return [array for layer in network.layers for array in (layer.weight, layer.bias, layer.threshold_q8)]


@pytest.fixture(scope="module")
def network() -> TrainedNetwork:
    return trained(SPEC)


@pytest.mark.parametrize("hidden", [(), (7,), (9, 5)], ids=len)
def test_integers_are_those_of_the_array(hidden: tuple[int, ...]) -> None:
    found = trained(replace(SHORT, hidden=hidden))
    assert [layer.weight.shape[0] for layer in found.layers] == [*hidden, CLASSES * SPEC.population]
    for layer in found.layers:
        assert (layer.weight.dtype, layer.bias.dtype, layer.threshold_q8.dtype) == (np.int8, np.int16, np.int32)
        assert np.abs(layer.weight).max() <= 7
        assert layer.threshold_q8.min() > 0
    image = compiled(found)
    # The file refuses whatever an image may not hold.
    reread = parse_image(image_bytes(image)).image
    np.testing.assert_array_equal(reread.layers[0].weight, found.layers[0].weight)


def test_the_golden_model_is_right_about_the_training_part(network: TrainedNetwork) -> None:
    features, labels = blobs()
    image = compiled(network)
    found = accuracy(image.readout_class, golden_spikes(image, features), labels)
    assert found.argmax > 0.95
    # What the training run says of itself is what the golden model finds.
    assert (network.train_accuracy, network.train_strict_accuracy) == (found.argmax, found.strict)


def test_labels_that_mean_nothing_are_not_learned() -> None:
    """Control of the test above: the accuracy comes from the features, not from how it is measured."""
    features, labels = blobs()
    shuffled = np.random.default_rng(0).permutation(labels)
    found = train(SPEC, features, shuffled, fit_encoder(features, "none"))
    assert found.train_accuracy < 0.8


def test_one_seed_gives_one_network(network: TrainedNetwork) -> None:
    for found, expected in zip(arrays(trained(SPEC)), arrays(network), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_another_seed_gives_another_network() -> None:
    one, other = (trained(replace(SHORT, seed=seed)) for seed in (0, 1))
    assert (one.layers[0].weight != other.layers[0].weight).any()


def test_worlds_repeat_with_the_seed() -> None:
    spec = replace(SHORT, worlds=2, world_life=2)
    one, again = (trained(spec, lambda rng: distorted(rng)) for _ in range(2))
    for found, expected in zip(arrays(one), arrays(again), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_progress_is_told_up_to_the_last_step() -> None:
    told: list[TrainProgress] = []
    features, labels = blobs()
    found = train(SHORT, features, labels, fit_encoder(features, "none"), told.append)
    assert tuple(told) == found.history
    assert (told[-1].step, told[-1].steps) == (SHORT.steps, SHORT.steps)


def distorted(rng: np.random.Generator) -> Features:
    """The training samples after every feature has drifted by an offset of its own."""
    features, _ = blobs()
    return (features + rng.normal(0, 6, FEATURES)).astype(np.float32)


def error_after_learning(image: Image) -> float:
    """Share of wrong output neurons that learning by codes leaves, mean over drifted worlds never trained on."""
    _, labels = blobs()
    start = np.full(image.n_codes, 128, np.uint8)
    found = []
    for seed in range(1000, 1006):
        events = encode(image.encoder, distorted(np.random.default_rng(seed)), 1)
        problem = Problem(image, events, labels)
        found.append(problem.error(problem.learn(make_rule("dmn", image, start, {"steps": 60}), start, 60)))
    return float(np.mean(found))


def test_worlds_make_codes_able_to_follow_a_drift() -> None:
    spec = TrainSpec(hidden=(12,), population=4, steps=800, batch_size=64, world_life=200)
    left = []
    for worlds in (0, 16):
        found = trained(replace(spec, worlds=worlds), distorted if worlds else None)
        # Both are right at home: what differs is what their codes can do.
        assert found.train_accuracy > 0.95
        left.append(error_after_learning(compiled(found)))
    assert left[1] < 0.5 * left[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(0, np.int64), "do not fit"),
        (np.zeros((4, 1), np.int64), "do not fit"),
        (np.array([0, 1, 3, 0]), "every class"),
        (np.array([-1, 0, 1, 0]), "every class"),
        (np.array([1, 2, 1, 2]), "every class"),
    ],
    ids=["none", "shape", "gap", "negative", "from one"],
)
def test_labels_that_do_not_fit_are_refused(labels: Labels, message: str) -> None:
    features = np.eye(4, 3, dtype=np.float32)
    with pytest.raises(PretrainError, match=message):
        train(SHORT, features, labels, fit_encoder(features, "none"))


def test_no_samples_are_refused() -> None:
    with pytest.raises(PretrainError, match="do not fit"):
        train_events(SHORT, np.zeros((0, 3), np.uint8), np.zeros(0, np.int64))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused(bad: float) -> None:
    features, labels = blobs()
    encoder = fit_encoder(features, "none")
    spoilt = features.copy()
    spoilt[3, 2] = bad
    with pytest.raises(PretrainError, match="NaN or infinity"):
        train(SHORT, spoilt, labels, encoder)
    with pytest.raises(PretrainError, match="NaN or infinity"):
        train(replace(SHORT, worlds=1), features, labels, encoder, world=lambda rng: spoilt)


def test_worlds_need_someone_to_draw_them() -> None:
    with pytest.raises(PretrainError, match="2 worlds"):
        trained(replace(SHORT, worlds=2))


def test_a_world_of_other_samples_is_refused() -> None:
    with pytest.raises(PretrainError, match="drawn world"):
        trained(replace(SHORT, worlds=1), lambda rng: distorted(rng)[1:])


def test_counts_too_large_for_a_bias_are_refused() -> None:
    """A current far above int16 cannot be balanced by a bias; the message says what to do about it."""
    events = np.full((4, 6000), 255, np.uint8)
    events[::2] = 250
    with pytest.raises(PretrainError, match="fewer events"):
        train_events(replace(SHORT, hidden=()), events, np.array([0, 1, 0, 1]))
