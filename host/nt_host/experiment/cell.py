"""One cell of an experiment: one seed, one domain, kept on disk so that a killed experiment goes on where it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nt_host.adapt.loop import adapt
from nt_host.connect import ChipOptions, connected
from nt_host.evaluate import encoded, evaluate_events
from nt_host.experiment.plan import Plan
from nt_host.readout import Accuracy
from nt_host.tasks import Target, split_target
from nt_model.image_file import LoadedImage, write_atomically

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
    """Adapt a fresh simulated chip of `seed` to `target`, over the wire."""
    split = split_target(target, labels_per_class, seed)
    x, x_test = encoded(loaded.image, split.labelled), encoded(loaded.image, split.test)
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
