"""The paper's own setting, for a user who has it: VGG-19 and the images of STL-10, Food-11 and BCCD.

The folder that NT_PAPER_DIR names holds `stl10`, `food11` and `bccd` as `image_folders` understands them, and
`vgg19.pth` (torchvision's vgg19-dcbb9e9d.pth; without it torchvision itself is asked). Images are made as torchvision's
weights expect them: shorter side 256, middle 224 x 224, its mean and deviation. Features are computed once and kept.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nt_host.paper.frozen import FloatArray, IntArray, PaperTask, Setting, Split
from nt_host.paper.image_folders import ByteArray, ImagePart, ImageTask, open_images
from nt_host.paper.label_groups import LABELS, OTHER_NAMES, class_outputs
from nt_host.paper.protocol import one_thread
from nt_host.paper.stand_in import TRAIN_PER_CLASS, drawn_per_class
from nt_host.paper.vgg19 import read_weights, split_network
from nt_model.image_file import write_atomically

WEIGHTS_FILE = "vgg19.pth"
FOLDERS = {"stl10": "STL-10", "food11": "Food-11", "bccd": "BCCD"}
TASK_WITHOUT_HEAD = "STL-10"
MOST_PER_CLASS = {"train": 500, "test": 200}
RESIZED, CROPPED = 256, 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
IMAGES_AT_ONCE = 8

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class FeaturePart:
    """Features (S, F) float16 (a mapped file) and classes (S,) of one part."""

    x: NDArray[np.float16]
    y: IntArray


def prepared(pixels: ByteArray) -> FloatArray:
    """An image (H, W, 3) uint8 as VGG-19 takes it, (3, 224, 224) float32."""
    # Imported where it is used: only images of the paper's setting need Pillow.
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = RESIZED / min(height, width)
    size = (max(RESIZED, int(width * scale)), max(RESIZED, int(height * scale)))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    left, top = (round((side - CROPPED) / 2) for side in size)
    cropped = np.asarray(image.crop((left, top, left + CROPPED, top + CROPPED)), np.float32) / np.float32(255)
    found: FloatArray = np.ascontiguousarray(((cropped - MEAN) / DEVIATION).transpose(2, 0, 1))
    return found


def _kept_places(labels: IntArray, part: str) -> IntArray:
    return drawn_per_class(labels, np.arange(len(labels)), MOST_PER_CLASS[part], run=0)


def _features(module: nn.Sequential, images: ImagePart, places: IntArray, note: str, tell: OnProgress) -> FloatArray:
    found = []
    with torch.no_grad():
        for start in range(0, len(places), IMAGES_AT_ONCE):
            tell(start, len(places), note)
            batch = np.stack([prepared(images.read(int(place))) for place in places[start : start + IMAGES_AT_ONCE]])
            found.append(module(torch.from_numpy(batch)).numpy())
    everything: FloatArray = np.concatenate(found)
    return everything


def _part(
    module: nn.Sequential, task: ImageTask, name: str, part: str, folder: Path, key: str, tell: OnProgress
) -> FeaturePart:
    """Features of one part, taken from `folder` where they were computed with the same weights and images before."""
    images = task.train if part == "train" else task.test
    places = _kept_places(images.labels, part)
    count = f"{len(images.labels)}-{hashlib.sha256(images.labels.tobytes()).hexdigest()[:8]}"
    path = folder / f"features-{name}-{part}-{key}-{count}.npy"
    if not path.is_file():
        buffer = io.BytesIO()
        np.save(buffer, _features(module, images, places, f"features of {name}, {part}", tell).astype(np.float16))
        write_atomically(path, buffer.getvalue())
    return FeaturePart(np.load(path, mmap_mode="r", allow_pickle=False), images.labels[places])


def _split(train: FeaturePart, test: FeaturePart, run: int) -> Split:
    picked = drawn_per_class(train.y, np.arange(len(train.y)), TRAIN_PER_CLASS, run)
    return Split(train.x[picked].astype(np.float32), train.y[picked], test.x[:].astype(np.float32), test.y)


def _outputs(paper_name: str, names: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    known = all(OTHER_NAMES.get(name, name) in LABELS for name in names)
    return class_outputs(names, first_label=0) if known and paper_name == TASK_WITHOUT_HEAD else ()


def own_setting(folder: Path, cache: Path, on_progress: OnProgress = lambda done, total, note: None) -> Setting:
    """VGG-19 and the three tasks in `folder`; features are kept in `cache`.

    Raises:
        EnvironmentMissingError: neither a file of weights nor torchvision is there.
        UsageError: the weights or a folder of images are not what they should be.
    """
    images = {name: open_images(folder / name) for name in FOLDERS}
    weights_path = folder / WEIGHTS_FILE
    weights = read_weights(weights_path if weights_path.is_file() else None)
    module, frozen = split_network(weights)
    digest = hashlib.sha256(b"".join(each[0].tobytes() for each in frozen.weights)).hexdigest()[:16]
    tasks = []
    with one_thread():
        for name, paper_name in FOLDERS.items():
            task = images[name]
            train, test = (_part(module, task, name, part, cache, digest, on_progress) for part in ("train", "test"))
            outputs = _outputs(paper_name, task.class_names)
            split = partial(_split, train, test)
            tasks.append(PaperTask(paper_name, paper_name, len(task.class_names), False, split, outputs))
            digest = hashlib.sha256(digest.encode() + train.y.tobytes() + test.y.tobytes()).hexdigest()[:16]
    told = (
        "The paper's own network and tasks: torchvision's VGG-19, its classifier 25088-4096-4096-1000 frozen, on "
        f"{', '.join(FOLDERS.values())}. A run learns from {TRAIN_PER_CLASS} samples per class drawn from at most "
        f"{MOST_PER_CLASS['train']}, and is judged on at most {MOST_PER_CLASS['test']} per class."
    )
    return Setting(frozen, tuple(tasks), told, digest)
