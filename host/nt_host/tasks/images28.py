"""Image files of the MNIST family, and what the chip's camera makes of them: 14 x 14 cells of brightness 0..1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.pretrain.image_worlds import CELLS, SIDE
from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.tasks.digits import View, warped
from nt_host.tasks.recordings import Recording, load_recording
from nt_model.errors import UsageError

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
MNIST = Recording(
    "mnist.npz",
    ARRAYS,
    "download MNIST (LeCun et al. 1998), for instance from https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
    "mnist.npz, and store x_train, y_train, x_test, y_test (uint8, 28 x 28) as mnist.npz",
)
FASHION = Recording(
    "fashion_mnist.npz",
    ARRAYS,
    "download Fashion-MNIST (Xiao et al. 2017) from https://github.com/zalandoresearch/fashion-mnist and store "
    "x_train, y_train, x_test, y_test (uint8, 28 x 28) as fashion_mnist.npz",
)
USPS = Recording(
    "usps.npz",
    ARRAYS,
    "download USPS (Hull 1994) and store x_train, y_train, x_test, y_test (16 x 16, value v stored as the whole number "
    "2000 v for v in 0..1) as usps.npz",
)
USPS_FULL_SCALE = 2000.0
USPS_BOX = 20
"""Pixels along an edge of the box that MNIST's makers fitted their digits into."""
DIGIT_NAMES = tuple(str(digit) for digit in range(10))
FASHION_NAMES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)


def cells(images: FloatArray) -> FloatArray:
    """Means of 2 x 2 pixels, (n, 196) float32, of images (n, 28, 28)."""
    means = images.reshape(-1, CELLS, SIDE // CELLS, CELLS, SIDE // CELLS).mean(axis=(2, 4))
    return np.asarray(means.reshape(len(images), -1), np.float32)


def tilted(images: FloatArray, degrees: float) -> FloatArray:
    """Images (n, 28, 28) turned counter-clockwise about their centre, bilinear, dark outside."""
    return images if degrees == 0 else np.clip(warped(images, View(tilt_degrees=degrees)), 0, 1)


def brightness(images: ByteArray) -> FloatArray:
    """0..255 as 0..1."""
    return images.astype(np.float32) / np.float32(255)


def usps_canvas(images: NDArray[np.generic]) -> FloatArray:
    """USPS images (n, 16, 16) as MNIST's makers would have placed them: 20 x 20, centre of mass in the middle of
    28 x 28."""
    # Imported where it is used: SciPy takes a while to load, and most commands do without it.
    from scipy.ndimage import zoom

    large = zoom(images.astype(np.float32) / USPS_FULL_SCALE, (1, USPS_BOX / 16, USPS_BOX / 16), order=1)
    canvas = np.zeros((len(images), SIDE, SIDE), np.float32)
    rows = np.arange(USPS_BOX, dtype=np.float32)
    mass = np.maximum(large.sum(axis=(1, 2)), 1e-6)
    middles = (
        np.stack([(large.sum(axis=2) * rows).sum(axis=1), (large.sum(axis=1) * rows).sum(axis=1)], 1) / mass[:, None]
    )
    corners = np.clip(np.rint((SIDE - 1) / 2 - middles), 0, SIDE - USPS_BOX).astype(int)
    for image, place, (top, left) in zip(large, canvas, corners, strict=True):
        place[top : top + USPS_BOX, left : left + USPS_BOX] = image
    return np.clip(canvas, 0, 1)


def parts(recording: Recording, side: int = SIDE) -> tuple[tuple[NDArray[np.generic], Int64Array], ...]:
    """((training images, labels), (test images, labels)) of a file of square images with edges of `side` pixels.

    Raises:
        EnvironmentMissingError: the file is not on this machine.
        UsageError: images or labels have another shape, or a label is outside 0..9.
    """
    arrays = load_recording(recording)
    found = []
    for name in ("train", "test"):
        images, labels = arrays[f"x_{name}"], arrays[f"y_{name}"]
        fits = images.shape[1:] == (side, side) and labels.shape == (len(images),) and images.dtype.kind in "iu"
        if not fits or labels.min() < 0 or labels.max() > 9:
            raise UsageError(
                "the images or their labels are not as expected",
                evidence=f"{recording.file_name}, {name}: {images.dtype} {images.shape}, labels {labels.shape}",
                next_step=recording.origin,
            )
        found.append((images, labels.astype(np.int64)))
    return tuple(found)


def seen(images: FloatArray, labels: Int64Array, name: str, class_names: tuple[str, ...] = DIGIT_NAMES) -> Dataset:
    """Images (n, 28, 28), 0..1, as a dataset of one domain."""
    return one_domain(cells(images), labels, class_names, name)
