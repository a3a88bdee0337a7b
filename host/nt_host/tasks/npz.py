"""Any NPZ file as a task: features, labels and a domain column.

Arrays: `features` or `X` (n, F) numbers; `labels` or `y` (n,) whole numbers from 0; `domain` (n,) whole numbers or
text, optional where all samples belong together; `class_names`, optional. The first domain in sorted order is the
source, the others are targets; with one domain it is both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.tasks.recordings import load_npz
from nt_host.tasks.task import Target, Task
from nt_model.errors import UsageError

Arrays = dict[str, NDArray[np.generic]]
DEFAULT_LABELS_PER_CLASS = 8


def _either(arrays: Arrays, path: Path, *names: str) -> NDArray[np.generic]:
    for name in names:
        if name in arrays:
            return arrays[name]
    raise UsageError(
        f"the data file lacks the array '{names[0]}'",
        evidence=f"{path} holds {', '.join(arrays) or 'nothing'}",
        next_step="store arrays features (n, F), labels (n,) and domain (n,)",
    )


def _numbers(array: NDArray[np.generic], what: str) -> NDArray[np.generic]:
    if array.dtype.kind not in "fiub":
        raise UsageError(
            f"the {what} are not numbers", evidence=f"dtype {array.dtype}", next_step=f"store the {what} as numbers"
        )
    return array


def _labels(array: NDArray[np.generic]) -> NDArray[np.int64]:
    numbers = _numbers(array, "labels")
    if numbers.dtype.kind == "f" and not bool((numbers == np.floor(numbers.astype(np.float64))).all()):
        raise UsageError(
            "the labels are not whole numbers",
            evidence=f"dtype {array.dtype}",
            next_step="store the labels as whole numbers from 0",
        )
    return numbers.astype(np.int64)


def _class_names(arrays: Arrays, labels: NDArray[np.int64]) -> tuple[str, ...]:
    if "class_names" in arrays:
        return tuple(str(name) for name in arrays["class_names"])
    return tuple(str(label) for label in range(max(int(labels.max(initial=0)), 0) + 1))


def load_dataset(path: Path) -> Dataset:
    """Samples of the NPZ file at `path`; raises UsageError with the reason where they do not hold together."""
    arrays = load_npz(path)
    features = _numbers(_either(arrays, path, "features", "X"), "features").astype(np.float32)
    labels = _labels(_either(arrays, path, "labels", "y"))
    column = arrays.get("domain", np.zeros(len(labels), np.int64))
    names, domain = np.unique(column, return_inverse=True)
    return Dataset(
        features,
        labels,
        domain.reshape(column.shape).astype(np.int64),
        _class_names(arrays, labels),
        tuple(str(name) for name in names),
    )


def load_features(path: Path) -> NDArray[np.float32]:
    """Features (n, F) of the NPZ file at `path`; labels, where it has any, are not read. Raises as `load_dataset`."""
    arrays = load_npz(path)
    features = _numbers(_either(arrays, path, "features", "X"), "features").astype(np.float32)
    names = ("without labels",)
    return one_domain(features, np.zeros(len(features), np.int64), names, path.stem).features


def load(path: Path) -> Task:
    """The file at `path` as a task named after it; raises as `load_dataset`."""
    dataset = load_dataset(path)
    names = sorted(set(dataset.domain_names), key=dataset.domain_names.index)
    targets = names[1:] or names
    return Task(
        name=path.stem,
        source=dataset.of_domain(names[0]),
        targets=tuple(Target(name, dataset.of_domain(name)) for name in targets),
        labels_per_class=DEFAULT_LABELS_PER_CLASS,
    )
