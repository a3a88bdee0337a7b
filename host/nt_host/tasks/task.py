"""A task: where a network is trained, and the domains that it must then be adapted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.pretrain.image_worlds import ImageWorlds
from nt_host.tasks.dataset import Dataset
from nt_model.errors import UsageError

World = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
"""Features (n, F) as one randomly drawn distorted world shows them."""


@dataclass(frozen=True, eq=False)
class Target:
    """One domain to adapt to.

    Attributes:
        name: as `--domain` takes it.
        pool: samples from which the labelled ones are drawn.
        test: samples to test on; None where the test is what the draw leaves of the pool.
        repetition: (len(pool),) int64, recording that each sample belongs to; where given, a draw takes whole
            recordings (all windows of one repetition of each class) and not single samples.
        test_repetition: (len(test),) int64, the same of the test.
    """

    name: str
    pool: Dataset
    test: Dataset | None = None
    repetition: NDArray[np.int64] | None = None
    test_repetition: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Pictures for rolling pretraining (`nt_host.pretrain.rolling`): `images` (S, 28, 28) uint8, `labels` (S,) int64;
    `worlds` is None where the network is to know the plain pictures alone."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    worlds: ImageWorlds | None


@dataclass(frozen=True, eq=False)
class Task:
    """Source samples for pretraining and the target domains.

    Attributes:
        name: as `--task` takes it.
        source: samples to pretrain on.
        targets: domains to adapt to, at least one.
        labels_per_class: labelled samples (recordings, where targets have repetitions) of each class that an
            adaptation draws unless told otherwise.
        same_unit: all features have one unit and range (pixels), so that the encoder scales them alike; a pixel that
            hardly ever changes at the source would otherwise drown the others once noise reaches it.
        world: draws a distorted world for pretraining a tunable network; None where the task knows none.
        transform: feature transform of the encoder (`nt_model.image.ENCODER_TRANSFORMS`).
        images: pictures behind the source, where pretraining draws its worlds picture by picture.
    """

    name: str
    source: Dataset
    targets: tuple[Target, ...]
    labels_per_class: int
    transform: str = "none"
    same_unit: bool = False
    world: World | None = None
    images: ImageSource | None = None

    def target(self, name: str) -> Target:
        """The target called `name`; UsageError lists the known ones otherwise."""
        for target in self.targets:
            if target.name == name:
                return target
        known = [target.name for target in self.targets]
        raise UsageError(
            f"task '{self.name}' has no domain '{name}'",
            evidence=f"domains: {', '.join(known)}",
            next_step=f"try `--domain {known[0]}`",
        )
