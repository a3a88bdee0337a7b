"""Pretrain a network on a task's source and compile it into a chip image."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import compile_trained
from nt_host.pretrain.encode import DEFAULT_STEP, CountEncoder, Transform, fit_encoder, transformed
from nt_host.pretrain.graded import train_graded
from nt_host.pretrain.image_worlds import ImageWorlds
from nt_host.pretrain.spec import GradedSpec, PretrainError, TrainedNetwork, TrainProgress, TrainSpec
from nt_host.tasks import Task
from nt_model.errors import EnvironmentMissingError, UsageError
from nt_model.image import Image
from nt_model.image_file import read_image, write_image

OnTrainProgress = Callable[[TrainProgress], None]
CELL_LEVELS = 64.0
LICENCES = {
    "digits": "scikit-learn digits (UCI Optical Recognition of Handwritten Digits, CC BY 4.0)",
    "enose": "UCI Gas Sensor Array Drift, CC BY 4.0",
    "emg": "trained on MyoArmbandDataset (GPL-3.0 repository): do not redistribute",
    **dict.fromkeys(("mnist", "mnist-rot30", "mnist-tasks", "mnist-tuning", "usps"), "trained on MNIST (MIT)"),
    "pacs": "trained on PACS (no licence stated): do not redistribute",
    "fsdd": "trained on the Free Spoken Digit Dataset, CC BY-SA 4.0",
}

TUNABLE = TrainSpec(threshold_sigmas=3.0, gain_sigma=0.1, clean_share=0.15)
"""What makes an image more tunable: twice the height of the thresholds, so that a gain moves a decision further; less
noise, since the worlds' gains take its place; most of a batch from the worlds."""
ROLLING = TrainSpec(
    hidden=(1024, 768, 512),
    population=16,
    steps=9000,
    batch_size=320,
    gain_sigma=0.1,
    threshold_sigmas=2.0,
    worlds=24,
    world_life=1000,
    world_rate=0.03,
    clean_share=0.15,
)
"""One ROM for every task that starts from MNIST."""

RECIPES = {
    "digits": TrainSpec(worlds=24, world_life=750, steps=3000),
    "enose": TrainSpec(steps=600),
    "enose-worlds": replace(TUNABLE, worlds=16, world_life=300, steps=1500),
    "emg": replace(TUNABLE, worlds=32, world_life=500, steps=2000),
    **dict.fromkeys(("mnist-rot30", "mnist-tasks", "mnist-tuning", "usps"), ROLLING),
    "fsdd": TrainSpec(worlds=24, world_life=750, steps=2000),
    "pacs": TrainSpec(worlds=24, world_life=500, steps=1000),
    "mnist": TrainSpec(hidden=(1024, 512), population=16, steps=3000, batch_size=256, gain_sigma=0.1),
}
"""What differs from the default specification by task. Chosen on training parts, but for the choice between `enose`
and `enose-worlds` (docs/learning.md)."""


GRADED = GradedSpec()
"""Neurons that count, in one layer: for tasks that a linear discriminant does well (docs/learning_nose.md)."""

GRADED_BLIND = GradedSpec(time_steps=16, drive=0.2)
"""The same, its numbers chosen on batches 1 to 3 of the e-nose (docs/learning_nose.md)."""


def recipe(task_name: str) -> TrainSpec:
    """Specification of pretraining for the named task."""
    return RECIPES.get(task_name, TrainSpec())


def require_torch() -> None:
    """EnvironmentMissingError where the `pretrain` extra is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise EnvironmentMissingError(
            "pretraining needs PyTorch, which is not installed",
            evidence="no module 'torch'",
            next_step="install it with `pip install nt-host[pretrain]`",
        )


def train_image(
    task: Task,
    spec: TrainSpec | GradedSpec,
    on_progress: OnTrainProgress | None = None,
    checkpoint: Path | None = None,
    module: str = "",
) -> Image:
    """Train on the source of `task` and compile; `checkpoint` is a file from which a killed run goes on (rolling
    pretraining alone, see `nt_host.pretrain.rolling`).

    Args:
        module: 'FILE.py:NAME' of a torch module to start from, whose layers take the place of those of `spec`; empty
            starts from random weights. Not for tasks of images.

    Raises:
        EnvironmentMissingError: PyTorch is not installed, and the specification needs it.
        UsageError: the data or the specification cannot give a legal network.
    """
    if isinstance(spec, TrainSpec):
        require_torch()
    try:
        encoder = fit_task_encoder(task)
        network = _trained(task, spec, encoder, on_progress, checkpoint, module)
    except PretrainError as error:
        raise UsageError(
            "this network cannot be trained",
            evidence=str(error),
            next_step="change the specification or the data as it says",
        ) from error
    metadata = {
        "source": f"nt-host pretrain, task {task.name}, seed {spec.seed}",
        "accuracy": f"argmax {network.train_accuracy:.4f}, strict {network.train_strict_accuracy:.4f} on the source",
        "classes": json.dumps(list(task.source.class_names), ensure_ascii=False),
    }
    if task.name in LICENCES:
        metadata["licence"] = LICENCES[task.name]
    return compile_trained(network, encoder, metadata)


def _trained(
    task: Task,
    spec: TrainSpec | GradedSpec,
    encoder: CountEncoder,
    on_progress: OnTrainProgress | None,
    checkpoint: Path | None,
    module: str,
) -> TrainedNetwork:
    if module and (isinstance(spec, GradedSpec) or task.images is not None):
        raise UsageError(
            "a module cannot be the start for a task of images, or for a graded network",
            evidence=f"task {task.name}, module {module}",
            next_step="give the data as a file: `--data FILE.npz`",
        )
    if isinstance(spec, GradedSpec):
        source = task.source
        return train_graded(spec, source.features, source.labels, source.domain, encoder, on_progress)
    if task.images is None:
        from nt_host.pretrain.from_module import load_module, spec_of_module
        from nt_host.pretrain.spike_train import train

        start = load_module(module) if module else None
        spec = spec if start is None else spec_of_module(start, spec)
        source = task.source
        return train(spec, source.features, source.labels, encoder, on_progress, _world(task), start)
    from nt_host.pretrain.rolling import train_rolling

    pictures = task.images
    worlds = ImageWorlds() if pictures.worlds is None else pictures.worlds
    levels = round(encoder.step)
    return train_rolling(spec, worlds, pictures.images, pictures.labels, levels, on_progress, checkpoint)


def _world(task: Task) -> Callable[[np.random.Generator], NDArray[np.float32]] | None:
    world = task.world
    return None if world is None else lambda rng: world(task.source.features, rng)


def fit_task_encoder(task: Task) -> CountEncoder:
    """Encoder fitted on the source of `task`; one scale for all features where they share a unit; for pictures a fixed
    one: up to 32 events for what is lighter than grey, and for what is darker."""
    if task.images is not None:
        cells = task.source.n_features
        return CountEncoder("none", np.full(cells, 0.5, np.float32), np.ones(cells, np.float32), CELL_LEVELS)
    encoder = fit_encoder(task.source.features, cast(Transform, task.transform), DEFAULT_STEP)
    if not task.same_unit:
        return encoder
    values = transformed(task.source.features, encoder.transform)
    spread = float(np.sqrt(((values - encoder.offset) ** 2).mean()))
    return replace(encoder, scale=np.full_like(encoder.scale, 1 / spread))


def cached_image(
    path: Path, task: Task, spec: TrainSpec | GradedSpec, on_progress: OnTrainProgress | None = None
) -> Image:
    """The image at `path`, trained and written there first where it is absent."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, train_image(task, spec, on_progress, path.with_suffix(".checkpoint")))
    return read_image(path).image
