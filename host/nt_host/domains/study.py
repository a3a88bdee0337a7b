"""Study `domains`: accuracy after adaptation against the number of codes, on one and the same network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nt_host.domains.picture import write_domains_picture
from nt_host.domains.sharing import WHOLE_LAYER, Sharing, shared
from nt_host.experiment.cell import keep_cell, kept_cell, run_cell
from nt_host.experiment.plan import FIVE_SEEDS, Plan, plan_named
from nt_host.experiment.run import plan_image
from nt_host.study.result import Picture, StudyResult, StudyTable, study_folder
from nt_host.tasks import load_task
from nt_model.image_file import image_bytes, parse_image

OnProgress = Callable[[int, int, str], None]
STUDY = "domains"
TASKS = ("enose", "emg")
SHARINGS = (
    Sharing(1, split=True),
    *(Sharing(neurons) for neurons in (1, 2, 4, 8, 16, 32, 64)),
    Sharing(WHOLE_LAYER),
)
PICTURE = "domains.png"


@dataclass(frozen=True)
class Point:
    """Mean over domains of the task, of one seed: accuracies as shares, 0..1."""

    task: str
    sharing: str
    n_codes: int
    seed: int
    argmax_before: float
    argmax: float
    strict: float


def _point(plan: Plan, sharing: Sharing, seed: int, folder: Path) -> Point:
    task = load_task(plan.task, None)
    image = shared(plan_image(plan, task, folder, plan.network_seed(seed)).image, sharing)
    loaded = parse_image(image_bytes(image))
    per_class = task.labels_per_class if plan.labels_per_class is None else plan.labels_per_class
    cells = []
    for target in task.targets:
        name = f"{plan.name}-{target.name}-{sharing}-s{seed}.json".replace(" ", "_")
        path, key = folder / "cells" / name, plan.cell_key(target.name, seed, loaded.digest)
        cell = kept_cell(path, key)
        if cell is None:
            cell = run_cell(plan, loaded, target, per_class, seed)
            path.parent.mkdir(exist_ok=True)
            keep_cell(path, key, cell)
        cells.append(cell)
    means = [
        float(np.mean(values))
        for values in (
            [cell.before.argmax for cell in cells],
            [cell.after.argmax for cell in cells],
            [cell.after.strict for cell in cells],
        )
    ]
    return Point(plan.name, str(sharing), image.n_codes, seed, *means)


def _spread(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values):.1f}"


def _table(task: str, points: Sequence[Point]) -> StudyTable:
    rows = []
    for sharing in map(str, SHARINGS):
        found = [point for point in points if point.task == task and point.sharing == sharing]
        rows.append(
            (
                sharing,
                f"{found[0].n_codes:,}",
                _spread([point.argmax_before for point in found]),
                _spread([point.argmax for point in found]),
                _spread([point.strict for point in found]),
            )
        )
    return StudyTable(
        f"Task `{task}`", ("domains", "codes", "argmax before", "argmax after", "strict after"), tuple(rows)
    )


def _told(seeds: Sequence[int]) -> tuple[str, ...]:
    return (
        "One network, and nothing changed but which neurons share a power domain: neighbours of a layer, at the "
        "output of one class at most. *Two codes per neuron* supplies excitatory and inhibitory synapses apart. Rule "
        "`dmn` with the settings of the tasks' own experiments, chips of corner `typical`, seeds "
        f"{', '.join(map(str, seeds))} of network, chip and label draw, mean over the domains of a task, per cent of "
        "the test; ± is the spread over the seeds. Settings were chosen for one code per neuron and not searched "
        "again.",
    )


def run_domains_study(
    folder: Path, seeds: Sequence[int] = FIVE_SEEDS, on_progress: OnProgress | None = None
) -> StudyResult:
    """Run the study into `folder`; cells and images already there are taken as they are.

    Raises:
        EnvironmentMissingError: PyTorch or the recordings are missing.
    """
    study_folder(folder)
    points: list[Point] = []
    total = len(TASKS) * len(SHARINGS) * len(seeds)
    for task in TASKS:
        for sharing in SHARINGS:
            for seed in seeds:
                if on_progress is not None:
                    on_progress(len(points), total, f"{task}, {sharing}, seed {seed}")
                points.append(_point(plan_named(task), sharing, seed, folder))
    write_domains_picture(folder / PICTURE, points)
    return StudyResult(
        STUDY,
        "Codes against accuracy: how many neurons share a power domain",
        _told(seeds),
        (),
        tuple(_table(task, points) for task in TASKS),
        (
            Picture(
                PICTURE, "Argmax accuracy after adaptation against the number of codes; bars: spread over the seeds"
            ),
        ),
        {"points": json.loads(json.dumps([asdict(point) for point in points]))},
        _finding(points),
    )


def _finding(points: Sequence[Point]) -> str:
    return "; ".join(_found(task, [point for point in points if point.task == task]) for task in TASKS) + "."


def _found(task: str, points: Sequence[Point]) -> str:
    names = dict.fromkeys(point.sharing for point in points)
    mean = {name: 100 * float(np.mean([p.argmax for p in points if p.sharing == name])) for name in names}
    codes = {point.sharing: point.n_codes for point in points}
    own = str(Sharing(1))
    fewest = min((name for name in names if mean[name] >= mean[own] - 1.0), key=codes.__getitem__)
    others = ", ".join(f"{name} {value:.1f}" for name, value in mean.items() if name != own)
    return (
        f"{task}: {codes[fewest]:,} codes ({fewest}) stay within one point of a code per neuron "
        f"({codes[own]:,}, {mean[own]:.1f}); {others}"
    )
