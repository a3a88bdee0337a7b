"""What stands in for VGG-19, STL-10, Food-11 and BCCD: MobileNetV2's own classifier and its features of three tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.paper.frozen import FloatArray, FrozenLayers, IntArray, PaperTask, Setting, Split
from nt_host.paper.label_groups import class_outputs
from nt_host.paper.tflite_layer import dense_layer
from nt_host.tasks.recordings import Recording, data_dir, load_recording
from nt_model.errors import EnvironmentMissingError

NETWORK_FILE = "mobilenet_v2_1.0_224_quant.tflite"
N_FEATURES = 1280
N_OUTPUTS = 1001
FIRST_LABEL = 1
TRAIN_PER_CLASS = 100
PACS_TEST = 2000
WBC_FOLDS = 5

_MAKE = "embed the images with mobilenet_v2_1.0_224_quant.tflite (global average pool) and store mbv2, mbv2_scale, y"
CIFAR10 = Recording(
    "cifar10_sub12k_emb.npz",
    ("mbv2", "mbv2_scale", "y", "is_test", "class_names"),
    f"download CIFAR-10 (cs.toronto.edu/~kriz/cifar.html), {_MAKE}, is_test and class_names",
)
PACS = Recording(
    "pacs_emb.npz", ("mbv2", "mbv2_scale", "y", "domain"), f"download PACS (Li et al. 2017), {_MAKE} and domain"
)
WBC = Recording(
    "bccd_emb.npz",
    ("mbv2", "mbv2_scale", "y", "fold"),
    f"download BCCD (github.com/Shenggan/BCCD_Dataset), crop the white cells, {_MAKE} and fold",
)

TOLD = (
    "Stand-ins: the frozen network is the classifier layer of MobileNetV2 (1280-1001, ImageNet, its 8-bit weights as "
    "published) in place of VGG-19's 25088-4096-4096-1000; its own features of CIFAR-10 (for STL-10), PACS in all four "
    "styles (for Food-11) and white blood cells (for BCCD: 351 cells, balanced accuracy, folds by image) are the "
    f"inputs. A run learns from {TRAIN_PER_CLASS} samples per class (CIFAR-10, PACS) or four of the five folds and is "
    "judged on 2,000 others or the fifth fold."
)


def network_file() -> Path:
    """Path of the quantised network; EnvironmentMissingError where it is not in NT_DATA_DIR."""
    folder = data_dir()
    path = None if folder is None else folder / NETWORK_FILE
    if path is None or not path.is_file():
        raise EnvironmentMissingError(
            "the pretrained network is not on this machine",
            evidence=f"NT_DATA_DIR is {folder or 'not set'}; {NETWORK_FILE} is wanted",
            next_step="download it from TensorFlow's quantised models and set NT_DATA_DIR to its folder",
        )
    return path


def _features(arrays: Mapping[str, NDArray[Any]]) -> tuple[FloatArray, IntArray]:
    scale = np.float32(arrays["mbv2_scale"])
    return arrays["mbv2"].astype(np.float32) * scale, arrays["y"].astype(np.int64)


def drawn_per_class(y: IntArray, among: IntArray, per_class: int, run: int) -> IntArray:
    """`per_class` places of each class (all, where there are fewer) out of the places `among`, drawn by run."""
    rng = np.random.default_rng([run, 59])
    picked = [rng.permutation(among[y[among] == each])[:per_class] for each in np.unique(y[among])]
    return np.sort(np.concatenate(picked))


def _cifar10_split(x: FloatArray, y: IntArray, is_test: NDArray[np.bool_], run: int) -> Split:
    train = drawn_per_class(y, np.flatnonzero(~is_test), TRAIN_PER_CLASS, run)
    return Split(x[train], y[train], x[is_test], y[is_test])


def _pacs_split(x: FloatArray, y: IntArray, run: int) -> Split:
    order = np.random.default_rng([run, 12]).permutation(len(y))
    test, rest = order[:PACS_TEST], order[PACS_TEST:]
    train = drawn_per_class(y, rest, TRAIN_PER_CLASS, run)
    return Split(x[train], y[train], x[test], y[test])


def _wbc_split(x: FloatArray, y: IntArray, fold: IntArray, run: int) -> Split:
    test = fold == run % WBC_FOLDS
    return Split(x[~test], y[~test], x[test], y[test])


def _digest(*arrays: NDArray[Any]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def stand_in() -> Setting:
    """The setting that can be had here.

    Raises:
        EnvironmentMissingError: NT_DATA_DIR is unset or a file is missing; says where the original lives.
        UsageError: a file is not what it should be.
    """
    weight, bias = dense_layer(network_file(), N_OUTPUTS, N_FEATURES)
    cifar, pacs, wbc = (load_recording(each) for each in (CIFAR10, PACS, WBC))
    names = [str(name) for name in cifar["class_names"]]
    (cx, cy), (px, py), (wx, wy) = (_features(each) for each in (cifar, pacs, wbc))
    tasks = (
        PaperTask(
            "CIFAR-10",
            "STL-10",
            len(names),
            False,
            partial(_cifar10_split, cx, cy, cifar["is_test"].astype(np.bool_)),
            class_outputs(names, FIRST_LABEL),
        ),
        PaperTask("PACS", "Food-11", int(py.max()) + 1, False, partial(_pacs_split, px, py)),
        PaperTask(
            "white cells", "BCCD", int(wy.max()) + 1, True, partial(_wbc_split, wx, wy, wbc["fold"].astype(np.int64))
        ),
    )
    frozen = FrozenLayers("MobileNetV2's classifier", (weight,), (bias,), tunes_outputs=True)
    return Setting(frozen, tasks, TOLD, _digest(weight, bias, cx, cy, px, py, wx, wy))
