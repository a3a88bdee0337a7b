"""One cell of an experiment: one seed, one domain, kept on disk so that a killed experiment goes on where it was."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.adapt.loop import adapt
from nt_host.connect import ChipOptions, connected
from nt_host.evaluate import encoded, evaluate_events
from nt_host.experiment.plan import Plan
from nt_host.readout import Accuracy, accuracy
from nt_host.rules.tft import DIGITAL_RULE, FullTuning, FullTuningSettings
from nt_host.tasks import Split, Target, split_target
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.image_file import LoadedImage, write_atomically

ByteArray = NDArray[np.uint8]
CELL_SCHEMA = "nt-cell/1"


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


def run_cell(plan: Plan, loaded: LoadedImage, target: Target, labels_per_class: int, seed: int) -> Cell:
    """Adapt a fresh simulated chip of `seed` to `target`, over the wire; for rule `tft` tune a digital copy instead."""
    split = split_target(target, labels_per_class, seed)
    x, x_test = encoded(loaded.image, split.labelled), encoded(loaded.image, split.test)
    if plan.settings.rule == DIGITAL_RULE:
        return _digital_cell(plan, loaded.image, target.name, split, (x, x_test), seed)
    options = ChipOptions(f"sim:{plan.corner},seed={seed}", engine=plan.engine)
    with connected(options, loaded) as chip:
        before = evaluate_events(chip, loaded.image, x_test, split.test.labels)
        result = adapt(chip, loaded.image, x, split.labelled.labels, replace(plan.settings, seed=seed))
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
    )


def _digital_cell(
    plan: Plan, image: Image, domain: str, split: Split, events: tuple[ByteArray, ByteArray], seed: int
) -> Cell:
    """Full fine-tuning in float of a copy of the image: no chip, no codes, no wire."""
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
    x, x_test = events

    def seen() -> Accuracy:
        return accuracy(image.readout_class, network.spikes(x_test), split.test.labels, None)

    before = seen()
    network.fit(x, split.labelled.labels)
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


def keep_cell(path: Path, key: str, cell: Cell) -> None:
    """Write the cell to `path` atomically."""
    text = json.dumps({"schema": CELL_SCHEMA, "key": key, "cell": asdict(cell)}, indent=1)
    write_atomically(path, (text + "\n").encode())
