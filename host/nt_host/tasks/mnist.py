"""MNIST and what a chip trained on it may be turned to: tilted digits, permuted labels, Fashion-MNIST, USPS.

All share one source and one kind of ROM; they differ in their targets. Labels are drawn from the first 20,000 images of
the target's own training part (USPS: from all 7,291) and tested on its official test part.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nt_host.pretrain.image_worlds import ImageWorlds
from nt_host.tasks.images28 import (
    FASHION,
    FASHION_NAMES,
    MNIST,
    USPS,
    ByteArray,
    Int64Array,
    brightness,
    parts,
    seen,
    tilted,
    usps_canvas,
)
from nt_host.tasks.task import ImageSource, Target, Task

POOL = 20_000
FEW_LABELS = 10
MANY_LABELS = 500
PERMUTATION_SEED = 40
TUNING_PERMUTATION_SEED = 140
TUNING_POOL = 30_000
USPS_SIDE = 16


@lru_cache(maxsize=1)
def _mnist() -> tuple[tuple[ByteArray, Int64Array], tuple[ByteArray, Int64Array]]:
    train, test = parts(MNIST)
    return (train[0].astype(np.uint8), train[1]), (test[0].astype(np.uint8), test[1])


def permuted(labels: Int64Array, seed: int = PERMUTATION_SEED) -> Int64Array:
    """Labels under a fixed permutation of the ten classes that leaves none in its place."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(10)
        if (order != np.arange(10)).all():
            return np.asarray(order[labels], np.int64)


def tilted_digits(name: str, degrees: float, *, permute: bool = False) -> Target:
    """Target `name`: digits turned by `degrees`, with permuted labels where asked for."""
    (x, y), (x_test, y_test) = _mnist()
    sides = []
    for images, labels in ((x[:POOL], y[:POOL]), (x_test, y_test)):
        named = permuted(labels) if permute else labels
        sides.append(seen(tilted(brightness(images), degrees), named, name))
    return Target(name, sides[0], sides[1])


def _fashion() -> Target:
    (x, y), (x_test, y_test) = parts(FASHION)
    pool = seen(brightness(x[:POOL].astype(np.uint8)), y[:POOL], "fashion", FASHION_NAMES)
    return Target("fashion", pool, seen(brightness(x_test.astype(np.uint8)), y_test, "fashion", FASHION_NAMES))


def _usps() -> Target:
    (x, y), (x_test, y_test) = parts(USPS, USPS_SIDE)
    return Target("usps", seen(usps_canvas(x), y, "usps"), seen(usps_canvas(x_test), y_test, "usps"))


def _task(name: str, targets: tuple[Target, ...], labels_per_class: int, worlds: ImageWorlds | None) -> Task:
    (x, y), _ = _mnist()
    return Task(
        name=name,
        source=seen(brightness(x), y, "mnist"),
        targets=targets,
        labels_per_class=labels_per_class,
        same_unit=True,
        images=ImageSource(x, y, worlds),
    )


def load() -> Task:
    """Task `mnist`: the clean test digits, for a ROM that is trained on MNIST alone."""
    return _task("mnist", (tilted_digits("clean", 0),), FEW_LABELS, None)


def load_rot30() -> Task:
    """Task `mnist-rot30`: digits tilted by 30 degrees, ten labels per class."""
    return _task("mnist-rot30", (tilted_digits("rot30", 30),), FEW_LABELS, ImageWorlds())


def load_tasks() -> Task:
    """Task `mnist-tasks`: tilted by -75 degrees, permuted labels, Fashion-MNIST; 500 labels per class."""
    targets = (tilted_digits("rot-75", -75), tilted_digits("permuted", 0, permute=True), _fashion())
    return _task("mnist-tasks", targets, MANY_LABELS, ImageWorlds())


def load_usps() -> Task:
    """Task `usps`: the digits of USPS, ten labels per class."""
    return _task("usps", (_usps(),), FEW_LABELS, ImageWorlds())


def load_tuning() -> Task:
    """Task `mnist-tuning`: where settings are chosen. Training digits alone, at tilts and under a permutation that no
    reported row has; the test is training images 30,000 to 40,000."""
    (x, y), _ = _mnist()
    last = slice(TUNING_POOL, TUNING_POOL + 10_000)
    targets = []
    for name, degrees, permute in (("rot50", 50.0, False), ("rot-105", -105.0, False), ("other-permuted", 0.0, True)):
        sides = []
        for rows in (slice(0, POOL), last):
            labels = permuted(y[rows], TUNING_PERMUTATION_SEED) if permute else y[rows]
            sides.append(seen(tilted(brightness(x[rows]), degrees), labels, name))
        targets.append(Target(name, sides[0], sides[1]))
    return _task("mnist-tuning", tuple(targets), MANY_LABELS, ImageWorlds())
