"""STL-10, Food-11 and BCCD as a user has unpacked them: which image belongs to which part and class.

Understood, with parts called train or training, and test, testing or evaluation, in either case (validation parts are
left alone):

    <part>/<class name>/<any>.jpg, jpeg, png, bmp      STL-10 as images, Food-11 by class, BCCD (dataset2-master/images)
    <part>/<class number>_<number>.jpg                 Food-11 as published
    train_X.bin, train_y.bin, test_X.bin, test_y.bin   STL-10 as published: uint8, 3 x 96 x 96 by column, classes 1..10
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError

PARTS = {"train": ("train", "training"), "test": ("test", "testing", "evaluation")}
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
NUMBERED = re.compile(r"^(\d+)_\d+$")
STL10_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
STL10_SHAPE = (3, 96, 96)

ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class ImagePart:
    """One part of a task.

    Attributes:
        labels: (S,) int64, classes 0..C-1.
        read: image of a place: (H, W, 3) uint8.
    """

    labels: NDArray[np.int64]
    read: Callable[[int], ByteArray]


@dataclass(frozen=True)
class ImageTask:
    """Class names, and the parts to learn from and to be judged on."""

    class_names: tuple[str, ...]
    train: ImagePart
    test: ImagePart


def _read_image(path: Path) -> ByteArray:
    # Imported where it is used: matplotlib brings Pillow, but only images of the paper's setting need it.
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise UsageError(
            "an image cannot be read", evidence=f"{path}: {error}", next_step="unpack the images again"
        ) from error


def _part_folder(folder: Path, part: str) -> Path:
    found = [each for each in sorted(folder.iterdir()) if each.is_dir() and each.name.lower() in PARTS[part]]
    if len(found) != 1:
        raise UsageError(
            f"the folder of images has not exactly one part to {'learn from' if part == 'train' else 'be judged on'}",
            evidence=f"{folder}: {[each.name for each in found] or 'none'} of {', '.join(PARTS[part])}",
            next_step="unpack the task as it was published, e.g. <folder>/train/<class>/*.jpg",
        )
    return found[0]


def _named_images(folder: Path) -> Iterator[tuple[str, Path]]:
    """(class, path) of every image of a part, in order."""
    for each in sorted(folder.iterdir()):
        if each.is_dir():
            yield from ((each.name, path) for path in sorted(each.iterdir()) if path.suffix.lower() in SUFFIXES)
        elif each.suffix.lower() in SUFFIXES and (match := NUMBERED.match(each.stem)):
            yield match.group(1), each


def _folder_task(folder: Path) -> ImageTask:
    found = {part: list(_named_images(_part_folder(folder, part))) for part in PARTS}
    names = {part: {name for name, _ in images} for part, images in found.items()}
    if not names["train"] or names["train"] != names["test"]:
        raise UsageError(
            "the parts of the task do not hold images of the same classes",
            evidence=f"{folder}: {sorted(names['train'])} and {sorted(names['test'])}",
            next_step="unpack the task as it was published, e.g. <folder>/train/<class>/*.jpg",
        )
    ordered = sorted(names["train"], key=lambda name: (int(name) if name.isdecimal() else 0, name))
    number = {name: index for index, name in enumerate(ordered)}

    def part(images: list[tuple[str, Path]]) -> ImagePart:
        labels = np.array([number[name] for name, _ in images], np.int64)
        return ImagePart(labels, lambda place: _read_image(images[place][1]))

    return ImageTask(tuple(ordered), part(found["train"]), part(found["test"]))


def _stl10_part(folder: Path, part: str) -> ImagePart:
    try:
        labels = np.fromfile(folder / f"{part}_y.bin", np.uint8).astype(np.int64) - 1
        pixels = np.fromfile(folder / f"{part}_X.bin", np.uint8).reshape(-1, *STL10_SHAPE)
        if len(labels) != len(pixels) or not len(labels) or labels.min() < 0 or labels.max() >= len(STL10_NAMES):
            raise ValueError(f"{len(pixels)} images and {len(labels)} labels 1..10")
    except (OSError, ValueError) as error:
        raise UsageError(
            "these are not STL-10's binary files",
            evidence=f"{folder}, part {part}: {error}",
            next_step="unpack stl10_binary.tar.gz again",
        ) from error
    # Published by column: the axes are channel, column, row.
    return ImagePart(labels, lambda place: np.ascontiguousarray(pixels[place].transpose(2, 1, 0)))


def open_images(folder: Path) -> ImageTask:
    """The task in `folder`; UsageError where it is none, its parts disagree, or a file is damaged."""
    if not folder.is_dir():
        raise UsageError("there is no folder of images", evidence=str(folder), next_step="unpack the task there")
    if (folder / "train_X.bin").is_file():
        return ImageTask(STL10_NAMES, _stl10_part(folder, "train"), _stl10_part(folder, "test"))
    return _folder_task(folder)
