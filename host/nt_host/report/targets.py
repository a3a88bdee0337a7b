"""The table of targets: what was asked, what was measured, and whether that meets it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nt_host.experiment.cell import RECALLED
from nt_host.report.kept_results import KeptResults, Summary
from nt_host.report.section import Section
from nt_host.toml_file import read_schema

SCHEMA = "nt-targets"
SCHEMA_VERSION = 1
SECTION = Section("targets")
HEAD = (
    "| task | target | measured | domains | all weights | experiment | met | blind |\n|---|---|---|---|---|---|---|---|"
)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _target(row: Mapping[str, Any]) -> str:
    parts = []
    if "share" in row:
        parts.append(f"{100 * row['share']:g} % of `{row['of']}`")
    if "argmax" in row:
        parts.append(f"{100 * row['argmax']:g}")
    if "worst" in row:
        parts.append(f"worst {100 * row['worst']:g}")
    return ", ".join(parts) or "-"


def _met(row: Mapping[str, Any], found: Summary, other: Summary | None) -> str:
    """Figures are compared as they are, not as they are printed."""
    asked = row.get("argmax", 0.0)
    if other is not None:
        asked = row["share"] * other.after[0]
    if found.after[0] < asked or found.lowest < row.get("worst", 0.0):
        return "**no**"
    if found.worst[0] < row.get("worst", 0.0):
        return "yes in the mean of the seeds, not by each seed's worst"
    return "yes"


def _measured(found: Summary, other: Summary | None, recalled: Summary | None) -> str:
    text = f"{100 * found.after[0]:.2f}"
    if found.lowest < found.highest:
        text += f" ({_percent(found.worst[0])})"
    if other is not None:
        text += f"; {100 * found.after[0] / other.after[0]:.0f} % of {_percent(other.after[0])}"
    if recalled is not None:
        text += f"; recalled {_percent(recalled.after[0])}"
    return text


def _weights(row: Mapping[str, Any], results: KeptResults) -> str:
    """Full fine-tuning with the same labels."""
    if "weights" not in row:
        return ""
    found = results.summary(row["weights"], row.get("domain", ""))
    return _percent(found.after[0]) + (" (1 seed)" if found.seeds == 1 else "")


def _cells(row: Mapping[str, Any], results: KeptResults) -> list[str]:
    name, domain = row["result"], row.get("domain", "")
    found = results.summary(name, domain)
    other = results.summary(row["of"], domain) if "of" in row else None
    recalled = results.summary(name, domain, RECALLED) if row.get("recalled", False) else None
    spread = "" if found.lowest == found.highest else f"{_percent(found.lowest)} to {_percent(found.highest)}"
    return [
        row["task"],
        _target(row),
        _measured(found, other, recalled),
        spread,
        _weights(row, results),
        f"`{name}`" + (f", {domain}" if domain else ""),
        _met(row, found, other) + (f"; {row['note']}" if "note" in row else ""),
        row["blind"],
    ]


def targets_table(path: Path) -> str:
    """The table that the file at `path` asks for, of the results beside it.

    Its rows have `task`, `result` (name of a result), `blind` (words), and what applies of `argmax` and `worst` (shares
    0..1), `share` and `of` (that share of another result), `weights` (name of the result of full fine-tuning),
    `domain`, `recalled` and `note`.

    Raises:
        UsageError, VersionMismatchError: as `read_schema` and `KeptResults.summary`.
    """
    results = KeptResults(path.parent)
    lines = ["| " + " | ".join(_cells(row, results)) + " |" for row in read_schema(path, SCHEMA, SCHEMA_VERSION)["row"]]
    return "\n".join([HEAD, *lines])
