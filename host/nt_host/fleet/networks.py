"""Networks for experiments on many chips: trained on one part of a task's source, tested on the other."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from nt_host.evaluate import encoded
from nt_host.fleet.chip import Samples
from nt_host.fleet.keep import digest_of
from nt_host.pretrain.spec import TrainSpec
from nt_host.tasks import Dataset, Task, split_target
from nt_host.tasks.split import draw_per_class
from nt_host.train_image import cached_image
from nt_model.image import Image
from nt_model.image_file import LoadedImage, read_image

TEST_STREAM = 3
IDEAL_TRAIN = TrainSpec(hidden=(256, 128), steps=800, gain_sigma=0.0, threshold_sigma=0.0)
"""For the ideal chip: no spread of gains or thresholds in training, which would harden the network against mismatch."""


@dataclass(frozen=True)
class NetworkPlan:
    """One network: `task` by name, `train` (its seed is replaced by `seed`), at most `test_samples` to test on."""

    task: str
    seed: int
    train: TrainSpec = IDEAL_TRAIN
    test_samples: int = 1000

    @property
    def name(self) -> str:
        """Such as "digits-s0"."""
        return f"{self.task}-s{self.seed}"


def undrifted_split(task: Task, seed: int, test_samples: int) -> tuple[Dataset, Dataset]:
    """(samples to train on, samples to test on) from one world: half of the source each, drawn at random by class,
    of the second at most `test_samples`.

    Windows of one recording can lie in both halves: differences between chips are what such a test tells, not how
    well a network does on new recordings.
    """
    source = task.source
    per_class = int(np.bincount(source.labels).max())
    train = draw_per_class(source.labels, per_class, seed)
    rest = np.setdiff1d(np.arange(len(source)), train)
    chosen = np.random.default_rng([seed, TEST_STREAM]).permutation(rest)[:test_samples]
    return source.take(train), source.take(np.sort(chosen))


def trained_network(plan: NetworkPlan, task: Task, source: Dataset, folder: Path) -> LoadedImage:
    """The image of `plan`, trained on `source` and written to `folder` first where it is absent."""
    key = digest_of({**asdict(plan), "source": len(source)})[:8]
    path = folder / f"{plan.name}-{key}.ntrom"
    cached_image(path, replace(task, source=source, world=None), replace(plan.train, seed=plan.seed))
    return read_image(path)


def samples_of(image: Image, dataset: Dataset) -> Samples:
    """`dataset` as events of `image`; raises as `nt_host.evaluate.encoded`."""
    return Samples(encoded(image, dataset), dataset.labels)


def labelled_of(source: Dataset, per_class: int, seed: int) -> Dataset:
    """`per_class` samples of each class to adapt with."""
    return source.take(draw_per_class(source.labels, per_class, seed))


def target_split(task: Task, domain: str, per_class: int, seed: int) -> tuple[Dataset, Dataset]:
    """(labelled, test) samples of a drifted domain; raises as `split_target`."""
    split = split_target(task.target(domain), per_class, seed)
    return split.labelled, split.test
