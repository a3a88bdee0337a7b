"""MNIST as this study uses it: 28 x 28 pixels, upright to train on, tilted for what the codes are adapted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.systems.eqprop.network import FloatArray
from nt_host.tasks.images28 import MNIST, brightness, parts, tilted

Int64Array = NDArray[np.int64]
HELD_OUT = 10_000
SIDE = 28


@dataclass(frozen=True, eq=False)
class Digits:
    """Images `x` (n, 784) float32, 0..1, with `labels` (n,) int64."""

    x: FloatArray
    labels: Int64Array

    def take(self, rows: Int64Array | slice) -> Digits:
        """The samples `rows`."""
        return Digits(self.x[rows], self.labels[rows])

    def turned(self, degrees: float) -> Digits:
        """The same digits turned counter-clockwise about the middle of the image."""
        images = tilted(self.x.reshape(-1, SIDE, SIDE), degrees)
        return Digits(images.reshape(len(images), -1), self.labels)


@dataclass(frozen=True, eq=False)
class Mnist:
    """`train`: the 60,000 training images; `test`: the official test."""

    train: Digits
    test: Digits

    @property
    def fit(self) -> Digits:
        """The training images less those on which settings are chosen."""
        return self.train.take(slice(0, -HELD_OUT))

    @property
    def held_out(self) -> Digits:
        """The images on which settings are chosen."""
        return self.train.take(slice(-HELD_OUT, None))


def _flat(images: NDArray[np.generic], labels: Int64Array) -> Digits:
    return Digits(brightness(images.astype(np.uint8)).reshape(len(images), -1), labels)


def load_mnist() -> Mnist:
    """Raises EnvironmentMissingError where the file is not on this machine, UsageError where it is not MNIST."""
    return Mnist(*(_flat(*part) for part in parts(MNIST)))


def few_labels(pool: Digits, per_class: int, rng: np.random.Generator) -> Digits:
    """`per_class` samples of every class, drawn without replacement from `pool`, in mixed order."""
    rows = [
        rng.choice(np.flatnonzero(pool.labels == each), per_class, replace=False) for each in np.unique(pool.labels)
    ]
    return pool.take(rng.permutation(np.concatenate(rows)))
