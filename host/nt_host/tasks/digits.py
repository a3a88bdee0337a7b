"""Digits: the 8 x 8 digits of scikit-learn, clean and as a tilted, noisy camera sees them. No download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.tasks.task import Target, Task

FloatArray = NDArray[np.float32]

SIDE = 8
SPLIT_SEED = 20
CAMERA_SEED = 30
SOURCE_SHARE = 0.5
CLASS_NAMES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class View:
    """How a camera sees the digits.

    Attributes:
        tilt_degrees: counter-clockwise rotation about the centre.
        shift_pixels: (down, right).
        scale: magnification.
        shear: of columns along rows.
        noise_lsb: standard deviation of the sensor noise, in pixel LSB (0..16).
    """

    tilt_degrees: float = 0.0
    shift_pixels: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    shear: float = 0.0
    noise_lsb: float = 0.0


CAMERA = View(tilt_degrees=45.0, noise_lsb=2.0)


def warped(images: FloatArray, view: View) -> FloatArray:
    """Images (n, S, S) moved as `view` says, bilinear, dark outside; same shape; without its noise."""
    # Imported where it is used: SciPy takes a while to load, and most commands do without it.
    from scipy.ndimage import affine_transform

    angle = np.deg2rad(view.tilt_degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    inverse = turn @ np.array([[1.0, view.shear], [0.0, 1.0]]) / view.scale
    centre = np.full(2, (images.shape[1] - 1) / 2)
    matrix = np.eye(3)
    matrix[1:, 1:] = inverse
    offset = np.concatenate([[0.0], centre - inverse @ (centre + np.array(view.shift_pixels))])
    return np.asarray(affine_transform(images, matrix, offset, order=1, mode="constant"), np.float32)


def seen_through(features: FloatArray, view: View, rng: np.random.Generator) -> FloatArray:
    """Digits (n, 64), 0..16 LSB, as `view` sees them, with sensor noise from `rng`, clipped to 0..16."""
    moved = warped(features.reshape(-1, SIDE, SIDE), view).reshape(len(features), -1)
    return np.clip(moved + rng.normal(0.0, view.noise_lsb, moved.shape), 0, 16).astype(np.float32)


def through_camera(features: FloatArray, seed: int = CAMERA_SEED) -> FloatArray:
    """The same digits (n, 64) as the camera of this task sees them."""
    return seen_through(features, CAMERA, np.random.default_rng(seed))


def random_view(rng: np.random.Generator) -> View:
    """A view such as a field camera might have: tilt within 75 degrees, a little off centre, scaled, sheared, noisy."""
    return View(
        tilt_degrees=float(rng.uniform(-75, 75)),
        shift_pixels=(float(rng.normal(0, 0.4)), float(rng.normal(0, 0.4))),
        scale=float(np.exp(rng.normal(0, 0.1))),
        shear=float(rng.normal(0, 0.15)),
        noise_lsb=float(rng.uniform(0, 3)),
    )


def random_world(features: FloatArray, rng: np.random.Generator) -> FloatArray:
    """All `features` (n, 64) through one random view: a world for pretraining a tunable network."""
    return seen_through(features, random_view(rng), rng)


def pixels_and_labels() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What `sklearn.datasets.load_digits(return_X_y=True)` gives, (1797, 64) 0..16 LSB and (1797,).

    Read from scikit-learn's own file where it is: importing the package takes ten times as long as reading it.
    """
    found = find_spec("sklearn")
    file = Path((found.origin if found else None) or "", "..", "datasets", "data", "digits.csv.gz").resolve()
    if not file.is_file():
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        return pixels, labels
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)


def load() -> Task:
    """Task `digits`: half of the 1,797 digits clean as the source; the other half clean (`clean`) and through the
    camera (`camera`) as targets. The halves are drawn once with a fixed seed."""
    pixels, labels = pixels_and_labels()
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
        world=random_world,
    )
