"""What pretraining is given: settings out of range and encoders, all without PyTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nt_host.compile import encoder_of
from nt_host.encode import encode
from nt_host.pretrain import CountEncoder, PretrainError, TrainedLayer, TrainedNetwork, TrainSpec, fit_encoder
from nt_host.pretrain.encode import Transform
from nt_host.pretrain.trained import accuracies
from nt_model.errors import UsageError

FEATURES = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 8), st.just(3)), elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
)
TRANSFORMS: st.SearchStrategy[Transform] = st.sampled_from(["none", "signed_log"])


@settings(deadline=None)
@given(
    training=FEATURES,
    features=FEATURES,
    transform=TRANSFORMS,
    step=st.integers(1, 255),
    shared=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_chip_is_fed_the_events_that_the_network_was_trained_on(
    training: NDArray[np.float32],
    features: NDArray[np.float32],
    transform: Transform,
    step: int,
    shared: bool,
    dtype: type[np.floating],
) -> None:
    encoder = fit_encoder(training, transform, float(step), shared=shared)
    wide = features.astype(dtype)
    expected = encoder.encode(wide)
    assert expected.dtype == np.uint8
    np.testing.assert_array_equal(encode(encoder_of(encoder), wide, 1), expected, strict=True)


@settings(deadline=None)
@given(FEATURES, FEATURES, TRANSFORMS)
def test_another_encoder_gives_other_events(
    training: NDArray[np.float32], features: NDArray[np.float32], transform: Transform
) -> None:
    """Control of the test above: a shift by one standard deviation shows, wherever counts do not saturate."""
    encoder = fit_encoder(training, transform)
    shifted = replace(encoder, offset=encoder.offset + 1 / encoder.scale)
    spec = encoder_of(shifted)
    deviations = (encode(spec, features, 1).astype(int)[:, :3] < 255) & (encoder.encode(features)[:, :3] < 255)
    clear = deviations & (encoder.encode(features)[:, :3] > 40)
    moved = encode(spec, features, 1)[:, :3] != encoder.encode(features)[:, :3]
    assert moved[clear].all()


@settings(deadline=None)
@given(FEATURES, TRANSFORMS)
def test_training_features_have_no_events_on_average_and_one_step_of_spread(
    training: NDArray[np.float32], transform: Transform
) -> None:
    encoder = fit_encoder(training, transform)
    both = encoder.encode(training).astype(int)
    signed = both[:, :3] - both[:, 3:]
    clear = (np.abs(signed) < 255).all(axis=0) & (np.ptp(training.astype(np.float64), axis=0) > 1)
    # Rounded to whole events, and float32 keeps 7 digits of an offset of up to 1e4.
    assert np.abs(signed.mean(axis=0)[clear]).max(initial=0) < 2
    np.testing.assert_allclose(signed.std(axis=0)[clear], encoder.step, atol=2)


def test_features_that_never_change_have_no_events() -> None:
    training = np.full((5, 2), 7.0, np.float32)
    assert not fit_encoder(training).encode(training).any()


def test_an_encoder_takes_only_the_features_it_was_fitted_to() -> None:
    encoder = fit_encoder(np.eye(4, 3, dtype=np.float32))
    with pytest.raises(ValueError, match=r"\(S, 3\)"):
        encoder.encode(np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_encoder_is_not_fitted_to_what_is_no_number(bad: float) -> None:
    training = np.eye(4, 3, dtype=np.float32)
    training[1, 1] = bad
    with pytest.raises(PretrainError, match="finite"):
        fit_encoder(training)


@pytest.mark.parametrize("shape", [(0, 3), (3,)])
def test_an_encoder_needs_samples(shape: tuple[int, ...]) -> None:
    with pytest.raises(PretrainError, match="shape"):
        fit_encoder(np.zeros(shape, np.float32))


def test_an_image_cannot_hold_a_fraction_of_an_event() -> None:
    encoder = CountEncoder("none", np.zeros(2, np.float32), np.ones(2, np.float32), 1.5)
    with pytest.raises(UsageError, match="whole number"):
        encoder_of(encoder)


@pytest.mark.parametrize(
    "changed",
    [
        {"hidden": (8, 0)},
        {"population": 0},
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"gain_sigma": -0.1},
        {"threshold_sigma": -0.1},
        {"threshold_sigmas": 0.0},
        {"surrogate_width": 0.0},
        {"output_slope": 0.0},
        {"frozen_share": 1.0},
        {"worlds": -1},
        {"world_life": 1},
        {"world_rate": 0.0},
        {"clean_share": 1.5},
        {"threads": 0},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_a_specification_names_the_setting_that_cannot_be(changed: dict[str, object]) -> None:
    with pytest.raises(PretrainError, match=next(iter(changed))):
        TrainSpec(**changed)  # type: ignore[arg-type]


@given(st.integers(1, 5), st.integers(1, 4))
def test_populations_lie_side_by_side(class_count: int, population: int) -> None:
    outputs = class_count * population
    layer = TrainedLayer(np.zeros((outputs, 2), np.int8), np.zeros(outputs, np.int16), np.ones(outputs, np.int32))
    network = TrainedNetwork((layer,), class_count, population, 0.0, 0.0, TrainSpec())
    # Neurons that spike just where the readout names a class are right about that class, and strictly so.
    labels = np.arange(class_count)
    spikes = (network.readout_class[None, :] == labels[:, None]).astype(np.uint8)
    assert accuracies(spikes, labels, class_count, population) == (1.0, 1.0)
    # A chip that fires all over is right about class 0 by the tie, and strictly about none, unless there is one alone.
    everywhere = accuracies(np.ones_like(spikes), labels, class_count, population)
    assert everywhere == (pytest.approx(1 / class_count), float(class_count == 1))
