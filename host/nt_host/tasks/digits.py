"""Digits: the 8 x 8 digits of scikit-learn, clean and as a tilted, noisy camera sees them. No download."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.tasks.task import Target, Task

FloatArray = NDArray[np.float32]

SIDE = 8
SPLIT_SEED = 20
CAMERA_SEED = 30
TILT_DEGREES = 20.0
NOISE_LSB = 1.5
SOURCE_SHARE = 0.5
CLASS_NAMES = tuple(str(digit) for digit in range(10))


def rotated(images: FloatArray, degrees: float) -> FloatArray:
    """Rotate images (n, S, S) counter-clockwise about their centre, bilinear, dark outside; same shape."""
    side = images.shape[1]
    centre = (side - 1) / 2
    rows, columns = np.mgrid[0:side, 0:side] - centre
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    from_row = cos * rows + sin * columns + centre + 1
    from_column = -sin * rows + cos * columns + centre + 1
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    from_row, from_column = np.clip(from_row, 0, side + 1), np.clip(from_column, 0, side + 1)
    row, column = np.floor(from_row).astype(np.int64), np.floor(from_column).astype(np.int64)
    down, right = from_row - row, from_column - column
    mixed = (
        padded[:, row, column] * (1 - down) * (1 - right)
        + padded[:, row + 1, column] * down * (1 - right)
        + padded[:, row, column + 1] * (1 - down) * right
        + padded[:, row + 1, column + 1] * down * right
    )
    return mixed.astype(np.float32)


def through_camera(features: FloatArray, seed: int = CAMERA_SEED) -> FloatArray:
    """The same digits (n, 64), 0..16 LSB, tilted by 20 degrees with sensor noise of 1.5 LSB, clipped to 0..16."""
    tilted = rotated(features.reshape(-1, SIDE, SIDE), TILT_DEGREES).reshape(len(features), -1)
    noise = np.random.default_rng(seed).normal(0.0, NOISE_LSB, tilted.shape)
    return np.clip(tilted + noise, 0, 16).astype(np.float32)


def load() -> Task:
    """Task `digits`: half of the 1,797 digits clean as the source; the other half clean (`clean`) and through the
    camera (`camera`) as targets. The halves are drawn once with a fixed seed."""
    # Imported where it is used: scikit-learn takes a second to load, and most commands do without it.
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    n_source = int(len(labels) * SOURCE_SHARE)

    def part(rows: NDArray[np.int64], name: str, camera: bool) -> Dataset:
        clean = pixels[rows].astype(np.float32)
        seen = through_camera(clean) if camera else clean
        return one_domain(seen, labels[rows], CLASS_NAMES, name)

    source, field = order[:n_source], order[n_source:]
    return Task(
        name="digits",
        source=part(source, "source", False),
        targets=(Target("camera", part(field, "camera", True)), Target("clean", part(field, "clean", False))),
        labels_per_class=20,
        same_unit=True,
    )
