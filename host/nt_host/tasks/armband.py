"""Worlds of the armband: one user at a time, and an armband that is put on anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset
from nt_host.tasks.task import World

FloatArray = NDArray[np.float32]
Int64Array = NDArray[np.int64]

CHANNELS = 8
AMPLITUDE_FEATURES = 3
"""MAV, RMS and WL grow with the amplitude; zero crossings and slope changes do not."""


@dataclass(frozen=True)
class Wearing:
    """How an armband is worn.

    Attributes:
        turn: channels by which it is turned round the arm.
        mirrored: worn on the other arm: the channels run the other way round.
        gain: (8,) amplitude of each channel.
    """

    turn: int
    mirrored: bool
    gain: FloatArray


def random_wearing(rng: np.random.Generator) -> Wearing:
    """Turned by up to half a round in six of ten cases, mirrored in one of seven; amplitudes of the whole arm and of
    single channels spread by 15 and 20 per cent."""
    turn = int(rng.integers(-4, 5)) if rng.random() < 0.6 else 0
    mirrored = bool(rng.random() < 0.15)
    gain = np.exp(rng.normal(0, 0.2, CHANNELS) + rng.normal(0, 0.15))
    return Wearing(turn, mirrored, gain.astype(np.float32))


def worn(features: FloatArray, wearing: Wearing) -> FloatArray:
    """Features (n, 40), five kinds of eight channels each, as an armband worn otherwise gives them."""
    kinds = features.reshape(len(features), -1, CHANNELS)
    if wearing.mirrored:
        kinds = kinds[:, :, ::-1]
    turned = np.roll(kinds, wearing.turn, axis=2)
    turned[:, :AMPLITUDE_FEATURES] *= wearing.gain
    return turned.reshape(features.shape)


def other_user(source: Dataset, user: int, rng: np.random.Generator) -> Int64Array:
    """For each sample of `source` the row of a random sample of `user` with the same label, (n,)."""
    rows = np.empty(len(source), np.int64)
    for label in range(source.n_classes):
        wanted = source.labels == label
        owned = np.flatnonzero(wanted & (source.domain == user))
        # A user who never made a gesture is stood in for by all who did.
        rows[wanted] = rng.choice(owned if len(owned) else np.flatnonzero(wanted), int(wanted.sum()))
    return rows


def user_worlds(source: Dataset) -> World:
    """A world is one user of `source` with one wearing of the armband, drawn at random.

    The world's features keep the order of the labels: each sample is replaced by one of that user's with its label.
    """
    users = np.unique(source.domain)

    def world(features: FloatArray, rng: np.random.Generator) -> FloatArray:
        rows = other_user(source, int(rng.choice(users)), rng)
        return worn(features[rows], random_wearing(rng))

    return world
