"""Worlds of armband and nose: what they may change, and what they must leave."""

from __future__ import annotations

import numpy as np

from nt_host.tasks.armband import CHANNELS, Wearing, other_user, user_worlds, worn
from nt_host.tasks.dataset import Dataset
from nt_host.tasks.sensor_drift import aged

ONES = np.ones(CHANNELS, np.float32)


def two_users(n: int = 40) -> Dataset:
    """Two users, two gestures; user 1 never makes gesture 1. Each feature tells user and gesture."""
    labels = np.arange(n) % 2
    user = (np.arange(n) >= n // 2) & (labels == 0)
    value = 10.0 * user + labels + 1
    return Dataset(
        np.repeat(value[:, None], 40, axis=1).astype(np.float32),
        labels.astype(np.int64),
        user.astype(np.int64),
        ("fist", "open"),
        ("anna", "bert"),
    )


def test_an_armband_worn_otherwise_permutes_channels_of_each_kind() -> None:
    features = np.arange(80, dtype=np.float32).reshape(2, 40)
    turned = worn(features, Wearing(3, True, ONES))
    assert (worn(features, Wearing(0, False, ONES)) == features).all()
    assert (worn(worn(features, Wearing(3, False, ONES)), Wearing(-3, False, ONES)) == features).all()
    assert (worn(turned, Wearing(3, True, ONES)) == features).all(), "a mirrored turn undoes itself"
    assert (np.sort(turned.reshape(2, 5, 8)) == np.sort(features.reshape(2, 5, 8))).all()


def test_amplitudes_scale_amplitude_features_alone() -> None:
    features = np.ones((1, 40), np.float32)
    louder = worn(features, Wearing(0, False, 2 * ONES))
    assert (louder[0, :24] == 2).all()
    assert (louder[0, 24:] == 1).all()
    assert (features == 1).all(), "the recording itself is left alone"


def test_a_world_is_one_user_and_keeps_the_labels() -> None:
    source = two_users()
    rows = other_user(source, 1, np.random.default_rng(0))
    assert (source.labels[rows] == source.labels).all()
    assert (source.domain[rows][source.labels == 0] == 1).all()
    drawn = user_worlds(source)(source.features, np.random.default_rng(1))
    assert drawn.shape == source.features.shape
    assert drawn.dtype == np.float32


def test_drift_is_one_for_all_samples() -> None:
    features = np.random.default_rng(0).normal(50, 5, (30, 128)).astype(np.float32)
    drifted = aged(features, np.random.default_rng(1))
    for column in range(0, 128, 17):
        assert abs(np.corrcoef(features[:, column], drifted[:, column])[0, 1]) > 0.9999
    assert (aged(features, np.random.default_rng(1)) == drifted).all()
