"""Result of an experiment: its cells, and mean and spread over the seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nt_host.experiment.cell import RECALLED, Cell
from nt_host.experiment.plan import Plan
from nt_host.readout import Accuracy
from nt_host.spread import mean_and_spread
from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import write_atomically

RESULT_SCHEMA = "nt-experiment/1"
ALL_DOMAINS = "mean of domains"
WORST_DOMAIN = "worst domain"
MEASURES = ("before_argmax", "after_argmax", "before_strict", "after_strict")


@dataclass(frozen=True)
class Row:
    """One domain over all seeds: (mean, standard deviation over seeds) of each of MEASURES, shares 0..1."""

    domain: str
    values: dict[str, tuple[float, float]]
    labels: float
    code_bytes: float
    wire_bytes: float


def _measures(cell: Cell) -> dict[str, float]:
    return {
        "before_argmax": cell.before.argmax,
        "after_argmax": cell.after.argmax,
        "before_strict": cell.before.strict,
        "after_strict": cell.after.strict,
    }


def _row(domain: str, by_seed: Sequence[dict[str, float]], cells: Sequence[Cell]) -> Row:
    values = {}
    for name in MEASURES:
        column = [each[name] for each in by_seed]
        values[name] = mean_and_spread(column)
    means = [float(np.mean([getattr(cell, name) for cell in cells])) for name in ("labels", "code_bytes", "wire_bytes")]
    return Row(domain, values, *means)


def rows(cells: Sequence[Cell]) -> list[Row]:
    """One row per domain in the order met, then one of the mean over domains and one of the worst domain of each
    measure, both taken seed by seed; the same again for domains that were recalled after a chain."""
    recalled = [cell for cell in cells if cell.domain.endswith(RECALLED)]
    return _group([cell for cell in cells if cell not in recalled], "") + _group(recalled, RECALLED)


def _group(cells: Sequence[Cell], suffix: str) -> list[Row]:
    domains = list(dict.fromkeys(cell.domain for cell in cells))
    found = []
    for domain in domains:
        mine = [cell for cell in cells if cell.domain == domain]
        found.append(_row(domain, [_measures(cell) for cell in mine], mine))
    if len(domains) > 1:
        of_seeds = [
            [_measures(cell) for cell in cells if cell.seed == seed] for seed in sorted({c.seed for c in cells})
        ]
        for name, over_domains in ((ALL_DOMAINS, np.mean), (WORST_DOMAIN, np.min)):
            by_seed = [
                {key: float(over_domains([each[key] for each in of_seed])) for key in MEASURES} for of_seed in of_seeds
            ]
            found.append(_row(name + suffix, by_seed, cells))
    return found


def _without_codes(cell: Cell) -> dict[str, Any]:
    table = asdict(cell)
    del table["codes"]
    return table


def write_result(path: Path, plan: Plan, cells: Sequence[Cell]) -> None:
    """Write plan and cells as JSON to `path` atomically."""
    table = {"schema": RESULT_SCHEMA, "plan": plan.table(), "cells": [_without_codes(cell) for cell in cells]}
    write_atomically(path, (json.dumps(table, indent=1) + "\n").encode())


def read_result(path: Path) -> tuple[dict[str, Any], list[Cell]]:
    """(plan as a table, cells) of a result file; UsageError where it is none, VersionMismatchError for another
    version."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        schema = str(table["schema"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "this is not a result file",
            evidence=f"{path}: {error}",
            next_step="make one with `nt-host experiment NAME --out FOLDER`",
        ) from error
    if schema != RESULT_SCHEMA:
        raise VersionMismatchError(
            "the result file has another schema", evidence=f"{path}: {schema}", next_step="run the experiment again"
        )
    cells = [
        Cell(**{**each, "before": Accuracy(**each["before"]), "after": Accuracy(**each["after"])})
        for each in table["cells"]
    ]
    return table["plan"], cells
