"""Encoders: ranges, shapes, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nt_host.encode import encode
from nt_host.pretrain.encode import CountEncoder
from nt_model.errors import UsageError
from nt_model.image import ENCODER_KINDS, EncoderSpec

FEATURES = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-100, 100, width=32, allow_subnormal=False)
)
STEPS = st.integers(1, 30)


def spec_of(kind: str, levels: int = 4, transform: str = "none") -> EncoderSpec:
    return EncoderSpec(kind, transform, levels, np.array([0, 1, -2], np.float32), np.array([1, 0.5, 0.1], np.float32))


@given(FEATURES, st.sampled_from(ENCODER_KINDS), STEPS)
def test_every_encoder_gives_bytes_of_the_width_that_the_image_expects(
    features: NDArray[np.float32], kind: str, n_steps: int
) -> None:
    spec = spec_of(kind)
    events = encode(spec, features, n_steps)
    assert events.dtype == np.uint8
    expected = (len(features), n_steps, spec.n_inputs) if kind == "rate" else (len(features), spec.n_inputs)
    assert events.shape == expected


@given(FEATURES)
def test_count_never_has_events_on_both_signs(features: NDArray[np.float32]) -> None:
    events = encode(spec_of("count"), features, 1)
    assert not (events[:, :3].astype(bool) & events[:, 3:].astype(bool)).any()


@given(FEATURES, st.sampled_from(["none", "signed_log"]))
def test_count_is_what_the_network_was_trained_on(features: NDArray[np.float32], transform: str) -> None:
    spec = spec_of("count", levels=32, transform=transform)
    trained_on = CountEncoder(transform, spec.offset, spec.scale, 32.0)  # type: ignore[arg-type]
    np.testing.assert_array_equal(encode(spec, features, 1), trained_on.encode(features))


@given(FEATURES)
def test_thermometer_fills_from_the_bottom(features: NDArray[np.float32]) -> None:
    bars = encode(spec_of("thermometer"), features, 1).reshape(len(features), 3, 4).astype(int)
    assert (np.diff(bars, axis=2) <= 0).all()
    np.testing.assert_array_equal(bars[:, :, 0], encode(spec_of("binary"), features, 1))


@given(st.integers(1, 60), st.integers(0, 60))
def test_rate_has_the_right_number_of_events_evenly_spread(n_steps: int, wanted: int) -> None:
    wanted = min(wanted, n_steps)
    spec = EncoderSpec("rate", "none", 1, np.zeros(1, np.float32), np.ones(1, np.float32))
    events = encode(spec, np.array([[wanted / n_steps]], np.float32), n_steps)[0, :, 0]
    assert events.sum() == wanted
    gaps = np.diff(np.flatnonzero(events))
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_with_its_place(bad: float) -> None:
    features = np.zeros((3, 3), np.float32)
    features[2, 1] = bad
    with pytest.raises(UsageError) as caught:
        encode(spec_of("count"), features, 1)
    assert "sample 2, feature 1" in caught.value.evidence


@pytest.mark.parametrize("shape", [(3,), (3, 4), (2, 3, 1)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="do not fit the image"):
        encode(spec_of("count"), np.zeros(shape, np.float32), 1)
