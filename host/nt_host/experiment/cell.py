"""One cell of an experiment: one seed, one domain, kept on disk so that a killed experiment goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.adapt.homeostasis import settle, some
from nt_host.adapt.loop import adapt
from nt_host.connect import ChipOptions, connected
from nt_host.evaluate import encoded, evaluate_events
from nt_host.experiment.lessons import drawn, taught_lesson
from nt_host.experiment.linear_baseline import LINEAR_RULES, fitted, linear_accuracy
from nt_host.experiment.plan import Plan
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy, image_accuracy
from nt_host.rules.tft import DIGITAL_RULE, FullTuning, FullTuningSettings
from nt_host.tasks import Dataset, Split, Target
from nt_host.teacher.linear_teacher import TEACHER_RULE, voting
from nt_host.teacher.widened_pool import widened
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.image_file import LoadedImage, write_atomically

ByteArray = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
Int64Array = NDArray[np.int64]
CELL_SCHEMA = "nt-cell/1"
RECALLED = " recalled"
"""What the name of a domain ends with whose codes were loaded again after a chain."""


@dataclass(frozen=True)
class Cell:
    """Result of one seed and domain; accuracies on the test, `code_bytes` and `wire_bytes` of the adaptation."""

    domain: str
    seed: int
    before: Accuracy
    after: Accuracy
    labels: int
    steps: int
    code_bytes: int
    wire_bytes: int
    seconds: float
    codes: str = ""
    """The codes that the chip ended with, hexadecimal; empty where nothing ran on a chip."""


def run_cell(
    plan: Plan,
    loaded: LoadedImage,
    target: Target,
    labels_per_class: int,
    seed: int,
    *,
    source: Dataset | None = None,
    earlier: Dataset | None = None,
    start_codes: str = "",
    learned: tuple[Target, ...] = (),
) -> Cell:
    """Adapt a fresh simulated chip of `seed` to `target`, over the wire; digital rules tune a digital copy instead.

    Args:
        source: samples of the source, for teachers, linear baselines and homeostasis.
        earlier: samples that were labelled in earlier domains, for a teacher that remembers them.
        start_codes: hexadecimal codes to begin with; the chip's own where empty.
        learned: domains of a chain that a digital copy, which has no codes to begin with, has learned before.

    Raises:
        UsageError: the plan needs the source and there is none, or as `adapt`.
    """
    split, unlabelled = drawn(plan, target, labels_per_class, seed)
    if plan.settings.rule in LINEAR_RULES:
        return _linear_cell(plan.settings.rule, loaded.image, target.name, split, seed, _needed(source))
    if plan.settings.rule == TEACHER_RULE:
        return _teacher_cell(plan, loaded.image, target.name, split, unlabelled, seed, _needed(source), earlier)
    samples = _learned_from(plan, loaded.image, split, unlabelled, seed, source, earlier)
    x, x_test = encoded(loaded.image, samples), encoded(loaded.image, split.test)
    if plan.settings.rule == DIGITAL_RULE:
        lessons = [_chain_lesson(plan, loaded.image, each, labels_per_class, seed, source) for each in learned]
        lessons.append((x, samples.labels))
        return _digital_cell(plan, loaded.image, target.name, split, lessons, x_test, seed)
    with connected(simulated(plan, seed), loaded) as chip:
        if start_codes:
            move_codes(chip, codes_of(start_codes))
        before = evaluate_events(chip, loaded.image, x_test, split.test.labels)
        if plan.homeostasis:
            # Unlabelled are all samples that the device meets: the labelled ones without their labels, and the test.
            seen = some(np.concatenate([x, x_test]), seed)
            settle(chip, loaded.image, some(encoded(loaded.image, _needed(source)), seed), seen, plan.homeostasis)
        result = adapt(chip, loaded.image, x, samples.labels, replace(plan.settings, seed=seed))
        after = evaluate_events(chip, loaded.image, x_test, split.test.labels)
    return Cell(
        target.name,
        seed,
        before,
        after,
        len(split.labelled),
        result.steps,
        result.code_bytes,
        result.wire_bytes,
        round(result.seconds, 3),
        result.codes.tobytes().hex(),
    )


def simulated(plan: Plan, seed: int) -> ChipOptions:
    """The simulated chip of a plan's `seed`."""
    return ChipOptions(f"sim:{plan.corner},seed={seed}", engine=plan.engine)


def codes_of(text: str) -> ByteArray:
    """Hexadecimal codes of a cell as (n_codes,) uint8."""
    return np.frombuffer(bytes.fromhex(text), np.uint8)


def recalled_cell(plan: Plan, loaded: LoadedImage, target: Target, labels_per_class: int, cell: Cell) -> Cell:
    """`cell` tested again: the codes that it ended with are loaded into the chip, and nothing is learned."""
    split, _ = drawn(plan, target, labels_per_class, cell.seed)
    with connected(simulated(plan, cell.seed), loaded) as chip:
        writes = move_codes(chip, codes_of(cell.codes))
        seen = evaluate_events(chip, loaded.image, encoded(loaded.image, split.test), split.test.labels)
    written = writes * loaded.image.n_codes
    return Cell(cell.domain + RECALLED, cell.seed, cell.after, seen, 0, 0, written, 0, 0.0, cell.codes)


def _needed(source: Dataset | None) -> Dataset:
    if source is None:
        raise UsageError(
            "this plan needs the samples of the source", next_step="run it with `nt-host experiment NAME --out FOLDER`"
        )
    return source


def _teacher_cell(
    plan: Plan,
    image: Image,
    domain: str,
    split: Split,
    unlabelled: FloatArray | None,
    seed: int,
    source: Dataset,
    earlier: Dataset | None,
) -> Cell:
    """The teacher alone: before, the vote of those who know source and labels; after, what it teaches."""
    started = time.monotonic()
    first = voting(plan.voters, image.encoder, source, split.labelled, earlier)
    last = taught_lesson(plan, image.encoder, split, unlabelled, seed, source, earlier).teacher
    before, after = (linear_accuracy(each, image.encoder, split.test) for each in (first, last))
    return Cell(domain, seed, before, after, len(split.labelled), 0, 0, 0, round(time.monotonic() - started, 3))


def _linear_cell(rule: str, image: Image, domain: str, split: Split, seed: int, source: Dataset) -> Cell:
    """A linear baseline: before, fitted on the source; after, with the labelled samples."""
    started = time.monotonic()
    before, after = (
        linear_accuracy(fitted(rule, image.encoder, source, labelled), image.encoder, split.test)
        for labelled in (None, split.labelled)
    )
    return Cell(domain, seed, before, after, len(split.labelled), 0, 0, 0, round(time.monotonic() - started, 3))


def _learned_from(
    plan: Plan,
    image: Image,
    split: Split,
    unlabelled: FloatArray | None,
    seed: int,
    source: Dataset | None,
    earlier: Dataset | None = None,
) -> Dataset:
    """The labelled samples, or where the plan has a teacher its lesson, or the widened pool of source and labels."""
    if plan.widened:
        return widened(image.encoder, _needed(source), split.labelled, plan.widened, seed)
    if not plan.voters:
        return split.labelled
    return taught_lesson(plan, image.encoder, split, unlabelled, seed, _needed(source), earlier).samples


def _chain_lesson(
    plan: Plan, image: Image, target: Target, labels_per_class: int, seed: int, source: Dataset | None
) -> tuple[ByteArray, Int64Array]:
    """Events and labels that an earlier domain of a chain taught."""
    split, unlabelled = drawn(plan, target, labels_per_class, seed)
    samples = _learned_from(plan, image, split, unlabelled, seed, source)
    return encoded(image, samples), samples.labels


def _digital_cell(
    plan: Plan,
    image: Image,
    domain: str,
    split: Split,
    lessons: list[tuple[ByteArray, Int64Array]],
    x_test: ByteArray,
    seed: int,
) -> Cell:
    """Full fine-tuning in float of a copy of the image, lesson after lesson: no chip, no codes, no wire."""
    started = time.monotonic()
    try:
        settings = FullTuningSettings(**{"seed": seed, **plan.settings.rule_options})  # type: ignore[arg-type]
    except TypeError as error:
        raise UsageError(
            f"rule '{DIGITAL_RULE}' has no such setting",
            evidence=", ".join(sorted(plan.settings.rule_options)),
            next_step=f"its settings: {', '.join(field.name for field in fields(FullTuningSettings))}",
        ) from error
    network = FullTuning(image, settings)

    def seen() -> Accuracy:
        return image_accuracy(image, network.spikes(x_test), split.test.labels, None)

    for x, labels in lessons[:-1]:
        network.fit(x, labels)
    before = seen()
    network.fit(*lessons[-1])
    return Cell(
        domain, seed, before, seen(), len(split.labelled), settings.steps, 0, 0, round(time.monotonic() - started, 3)
    )


def kept_cell(path: Path, key: str) -> Cell | None:
    """The cell at `path`, where it was made under `key`."""
    if not path.is_file():
        return None
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if stored.get("schema") != CELL_SCHEMA or stored.get("key") != key:
        return None
    values = stored["cell"]
    return Cell(**{**values, "before": Accuracy(**values["before"]), "after": Accuracy(**values["after"])})


def cell_once(path: Path, key: str, run: Callable[[], Cell]) -> Cell:
    """The cell at `path` where it was made under `key`; else that of `run`, which is kept there."""
    cell = kept_cell(path, key)
    if cell is None:
        cell = run()
        path.parent.mkdir(exist_ok=True)
        keep_cell(path, key, cell)
    return cell


def keep_cell(path: Path, key: str, cell: Cell) -> None:
    """Write the cell to `path` atomically."""
    text = json.dumps({"schema": CELL_SCHEMA, "key": key, "cell": asdict(cell)}, indent=1)
    write_atomically(path, (text + "\n").encode())
