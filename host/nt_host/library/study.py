"""Study `library`: recall by a few labels against learning, where domains come back or lie between known ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from nt_host.connect import connected
from nt_host.evaluate import encoded
from nt_host.experiment.cell import Cell, cell_once, codes_of, run_cell, simulated
from nt_host.experiment.plan import FIVE_SEEDS, Plan
from nt_host.experiment.plans import plan_named
from nt_host.experiment.run import plan_image
from nt_host.library.recall import PRESENT, Stored, recall
from nt_host.spread import percent_over
from nt_host.study.result import StudyResult, StudyTable, study_folder
from nt_host.tasks import Target, load_task, split_target
from nt_host.tasks.mnist import tilted_digits
from nt_model.image_file import LoadedImage

OnProgress = Callable[[int, int, str], None]
STUDY = "library"
STORED_TILTS = tuple(range(-180, 180, 30))
ASKED_TILTS = (-75, 15, 45, 60)
"""Three between stored ones, 15 degrees from the nearest, and one that is stored."""
STORED_LABELS = 200
ASKED_LABELS = (1, 10, 50)
NOSE_LABELS = (1, 3, 8)
NOSE_STORED_LABELS = 8


@dataclass(frozen=True)
class Point:
    """One domain, seed and number of labels per class.

    Attributes:
        task: name of the part of the study.
        labels_per_class: labelled samples per class that choose, and are learned from.
        chosen: name of the vector that they chose.
        untouched: argmax of the chip at code 128, 0..1.
        recalled: the same with the chosen vector, nothing learned.
        learned_from_it: the same after learning that begins with the chosen vector.
        learned: the same after learning that begins with code 128.
    """

    task: str
    domain: str
    labels_per_class: int
    seed: int
    chosen: str
    untouched: float
    recalled: float
    learned_from_it: float
    learned: float


@dataclass(frozen=True)
class Part:
    """One part of the study: `plan` gives image, chips and settings; every domain of `asked` meets the library of the
    `stored` ones that come before it (`in_time`), or of all of them."""

    title: str
    plan: Plan
    load: Callable[[str], Target]
    stored: tuple[str, ...]
    stored_labels: int
    asked: tuple[str, ...]
    asked_labels: tuple[int, ...]
    in_time: bool

    def library_of(self, domain: str) -> tuple[str, ...]:
        """Names of the stored domains that a chip in `domain` may know."""
        return self.stored[: self.stored.index(domain)] if self.in_time else self.stored


def _few(plan: Plan, per_class: int) -> Plan:
    """`plan` for `per_class` labels, nothing held out: one label per class leaves nothing to judge by."""
    return replace(plan, settings=replace(plan.settings, held_out=0.0), labels_per_class=per_class)


def _nose() -> Part:
    task = load_task("enose", None)
    names = tuple(target.name for target in task.targets)
    return Part(
        "Electronic nose, batch after batch",
        plan_named("enose"),
        task.target,
        names,
        NOSE_STORED_LABELS,
        names[1:],
        NOSE_LABELS,
        in_time=True,
    )


def _tilt(degrees: int) -> str:
    return f"tilt {degrees}"


def _tilts() -> Part:
    by_name: Mapping[str, int] = {_tilt(degrees): degrees for degrees in (*STORED_TILTS, *ASKED_TILTS)}
    return Part(
        "Digits under a tilted camera",
        plan_named("mnist-rot30"),
        lambda name: tilted_digits(name, by_name[name]),
        tuple(map(_tilt, STORED_TILTS)),
        STORED_LABELS,
        tuple(map(_tilt, ASKED_TILTS)),
        ASKED_LABELS,
        in_time=False,
    )


PARTS: Sequence[Callable[[], Part]] = (_nose, _tilts)


@dataclass(frozen=True, eq=False)
class _Bench:
    """Cells of one part and seed, kept in `folder`."""

    part: Part
    loaded: LoadedImage
    seed: int
    folder: Path

    def cell(self, target: Target, per_class: int, start: str = "", start_codes: str = "") -> Cell:
        plan = _few(self.part.plan, per_class)
        name = f"{plan.name}-{target.name}-{per_class}-from-{start or 'off'}-s{self.seed}.json".replace(" ", "_")
        path = self.folder / "cells" / name
        key = plan.cell_key(target.name, self.seed, self.loaded.digest, start_codes)
        return cell_once(
            path, key, lambda: run_cell(plan, self.loaded, target, per_class, self.seed, start_codes=start_codes)
        )

    def chosen(self, target: Target, per_class: int, library: Sequence[Stored]) -> Stored:
        """The vector that the labelled samples of `target` choose on the chip."""
        labelled = split_target(target, per_class, self.seed).labelled
        with connected(simulated(self.part.plan, self.seed), self.loaded) as chip:
            image = self.loaded.image
            return recall(chip, image, encoded(image, labelled), labelled.labels, library).chosen

    def points(self, domain: str, vectors: Mapping[str, str]) -> list[Point]:
        """A point per number of labels; `vectors` are hexadecimal codes of all stored domains, by name."""
        target = self.part.load(domain)
        known = self.part.library_of(domain)
        found = []
        for per_class in self.part.asked_labels:
            chosen = self.chosen(target, per_class, [Stored(name, codes_of(vectors[name])) for name in known])
            off = self.cell(target, per_class)
            at = off if chosen.name == PRESENT else self.cell(target, per_class, chosen.name, vectors[chosen.name])
            found.append(
                Point(
                    self.part.title,
                    domain,
                    per_class,
                    self.seed,
                    chosen.name,
                    off.before.argmax,
                    at.before.argmax,
                    at.after.argmax,
                    off.after.argmax,
                )
            )
        return found


def _run_part(part: Part, folder: Path, seeds: Sequence[int], on_domain: Callable[[str], None]) -> list[Point]:
    points: list[Point] = []
    for seed in seeds:
        task = load_task(part.plan.task, None)
        loaded = plan_image(part.plan, task, folder, part.plan.network_seed(seed))
        bench = _Bench(part, loaded, seed, folder)
        vectors: dict[str, str] = {}
        for name in part.stored:
            on_domain(f"{part.title}: {name} is learned and stored, seed {seed}")
            vectors[name] = bench.cell(part.load(name), part.stored_labels).codes
        for name in part.asked:
            on_domain(f"{part.title}: {name} is met, seed {seed}")
            points += bench.points(name, vectors)
    return points


def _row(domain: str, per_class: int, points: Sequence[Point]) -> tuple[str, ...]:
    """`points` of one row; ± is the spread over the seeds of the mean over domains."""
    seeds = sorted({point.seed for point in points})

    def told(name: str) -> str:
        return percent_over([float(np.mean([getattr(p, name) for p in points if p.seed == seed])) for seed in seeds])

    return (domain, str(per_class), *map(told, ("untouched", "recalled", "learned_from_it", "learned")))


def _table(title: str, points: Sequence[Point]) -> StudyTable:
    here = [point for point in points if point.task == title]
    domains = dict.fromkeys(point.domain for point in here)
    labels = dict.fromkeys(point.labels_per_class for point in here)
    rows = [
        _row(domain, count, [p for p in here if (p.domain, p.labels_per_class) == (domain, count)])
        for domain in domains
        for count in labels
    ]
    rows += [_row("**mean**", count, [p for p in here if p.labels_per_class == count]) for count in labels]
    columns = ("domain", "labels per class", "untouched", "recalled, nothing learned", "learned from it", "learned")
    return StudyTable(title, columns, tuple(rows))


def _told(parts: Sequence[Part], seeds: Sequence[int]) -> tuple[str, ...]:
    nose, tilts = parts
    return (
        "A device that has adapted before keeps its code vectors. In a new domain `nt-host codes recall FILES` tries "
        "each on the labelled samples, the codes on the chip too, and keeps the best; nothing is learned. Argmax on "
        "the test in per cent, simulated chips of corner `typical`, over the wire, "
        f"seeds {', '.join(map(str, seeds))}; *learned* begins with code 128, *learned from it* with the vector that "
        "was recalled, both with the settings of the tasks' own experiments, but for no label held out. "
        "Nothing was searched for this study.",
        f"**{nose.title}**: the library of a batch holds one vector for each batch before it, learned with "
        f"{nose.stored_labels} labels per class. **{tilts.title}**: {len(tilts.stored)} vectors, one for every 30 "
        f"degrees, learned with {tilts.stored_labels} labels per class, on the network of `mnist-rot30`; "
        f"{', '.join(name for name in tilts.asked if name not in tilts.stored)} lie 15 degrees from the nearest.",
    )


def _found(title: str, points: Sequence[Point]) -> str:
    here = [point for point in points if point.task == title]
    parts = []
    for count in dict.fromkeys(point.labels_per_class for point in here):
        rows = [point for point in here if point.labels_per_class == count]
        recalled, again, learned = (
            100 * float(np.mean([getattr(point, name) for point in rows]))
            for name in ("recalled", "learned_from_it", "learned")
        )
        parts.append(f"{count}: {recalled:.1f} / {again:.1f} / {learned:.1f}")
    return f"{title}: {'; '.join(parts)}"


def run_library_study(
    folder: Path, seeds: Sequence[int] = FIVE_SEEDS, on_progress: OnProgress | None = None
) -> StudyResult:
    """Run the study into `folder`; cells and images already there are taken as they are.

    Raises:
        EnvironmentMissingError: PyTorch or the recordings are missing.
    """
    study_folder(folder)
    parts = [load() for load in PARTS]
    total = len(seeds) * sum(len(part.stored) + len(part.asked) for part in parts)
    done = 0

    def on_domain(note: str) -> None:
        nonlocal done
        if on_progress is not None:
            on_progress(done, total, note)
        done += 1

    points = [point for part in parts for point in _run_part(part, folder, seeds, on_domain)]
    return StudyResult(
        STUDY,
        "A library of code vectors: recall before learning",
        _told(parts, seeds),
        (),
        tuple(_table(part.title, points) for part in parts),
        (),
        {"points": json.loads(json.dumps([asdict(point) for point in points]))},
        "Labels per class: recalled / learned from it / learned, mean over domains. "
        + ". ".join(_found(part.title, points) for part in parts)
        + ".",
    )
