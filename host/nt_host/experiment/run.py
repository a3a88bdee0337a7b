"""Run an experiment cell by cell; cells and images already in the folder are taken as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from nt_host.experiment.cell import Cell, cell_once, recalled_cell, run_cell
from nt_host.experiment.lessons import labelled_before
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import result_name
from nt_host.experiment.result import write_result
from nt_host.pretrain.spec import TrainProgress
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.rules.tft import DIGITAL_RULE
from nt_host.tasks import Task, load_task
from nt_host.train_image import OnTrainProgress, cached_image
from nt_model.errors import UsageError
from nt_model.image_file import LoadedImage, read_image, write_image

OnCell = Callable[[int, int, str], None]


def plan_image(
    plan: Plan, task: Task, folder: Path, seed: int, on_progress: OnTrainProgress | None = None
) -> LoadedImage:
    """The pretrained image of `plan` and network `seed`, trained into `folder` where it is absent."""
    path = folder / "images" / f"{plan.rom_task}-s{seed}-{plan.image_key(seed)}.ntrom"
    if not path.is_file():
        cached_image(path, _rom_task(plan, task), replace(plan.train, seed=seed), on_progress)
    if plan.switches is None or plan.settings.rule == DIGITAL_RULE:
        return read_image(path)
    return _with_switches(path, plan, plan.switches, seed, task)


def _rom_task(plan: Plan, task: Task) -> Task:
    return task if plan.rom_task == plan.task else load_task(plan.rom_task, None)


def _with_switches(base: Path, plan: Plan, switches: SwitchSpec, seed: int, task: Task) -> LoadedImage:
    """The image at `base` under switches, made beside it where it is absent."""
    text = json.dumps(asdict(switches), sort_keys=True)
    path = base.with_name(f"{base.stem}-switches-{hashlib.sha256(text.encode()).hexdigest()[:8]}.ntrom")
    if not path.is_file():
        source = _rom_task(plan, task).source if switches.random or switches.levels else None
        write_image(path, switched_image(read_image(base).image, replace(switches, seed=seed), source))
    return read_image(path)


def _recalled(plan: Plan, folder: Path, task: Task, per_class: int, cells: list[Cell]) -> list[Cell]:
    """Every cell of a chain once more, after the chain has ended, by loading its codes."""
    images = {seed: plan_image(plan, task, folder, plan.network_seed(seed)) for seed in plan.seeds}
    return [
        recalled_cell(plan, images[cell.seed], task.target(cell.domain), per_class, cell)
        for cell in cells
        if cell.codes
    ]


def run_experiment(
    plan: Plan, folder: Path, domains: tuple[str, ...] = (), on_cell: OnCell = lambda done, total, note: None
) -> list[Cell]:
    """Run all cells of `plan` and write `<folder>/<result name>`.

    Args:
        folder: cells, images and the result go here; a killed experiment goes on from what it finds.
        domains: only these; all targets of the task where empty.
        on_cell: called with (cells done, cells in all, what is going on).

    Raises:
        EnvironmentMissingError: the recordings or PyTorch are missing.
        UsageError: the folder cannot be made, or a domain is unknown.
    """
    task = load_task(plan.task, None)
    targets = [task.target(name) for name in domains] if domains else list(task.targets)
    per_class = task.labels_per_class if plan.labels_per_class is None else plan.labels_per_class
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "the folder of the experiment cannot be made",
            evidence=str(error),
            next_step="give a folder that you can write with `--out`",
        ) from error
    cells: list[Cell] = []
    total = len(plan.seeds) * len(targets)
    for seed in plan.seeds:
        network = plan.network_seed(seed)
        done = len(cells)

        def training(progress: TrainProgress, done: int = done, network: int = network) -> None:
            share = f"step {progress.step} of {progress.steps}, argmax {progress.accuracy:.3f}"
            on_cell(done, total, f"pretraining, seed {network}: {share}")

        on_cell(done, total, f"network of seed {network}")
        loaded = plan_image(plan, task, folder, network, training)
        codes = ""
        digital = plan.settings.rule == DIGITAL_RULE
        for place, target in enumerate(targets):
            on_cell(len(cells), total, f"{target.name}, seed {seed}")
            path = folder / "cells" / f"{Path(result_name(plan)).stem}-{target.name}-s{seed}.json"
            learned = tuple(targets[:place]) if plan.chained and digital else ()
            start = codes or " ".join(each.name for each in learned)
            key = plan.cell_key(target.name, seed, loaded.digest, start)
            earlier = labelled_before(plan, task, target.name, per_class, seed)
            run = partial(run_cell, source=task.source, earlier=earlier, start_codes=codes, learned=learned)
            cell = cell_once(path, key, partial(run, plan, loaded, target, per_class, seed))
            cells.append(cell)
            if plan.chained:
                codes = cell.codes
    if plan.chained:
        cells += _recalled(plan, folder, task, per_class, cells)
    on_cell(total, total, "done")
    write_result(folder / result_name(plan), plan, cells)
    return cells
