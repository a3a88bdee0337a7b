"""The table of the README: what codes reach, beside what may change every weight."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nt_host.report.kept_results import Figure, KeptResults, Summary
from nt_host.report.section import Section
from nt_host.spread import in_percent
from nt_host.toml_file import read_schema

SCHEMA = "nt-headline"
SCHEMA_VERSION = 1
SECTION = Section("headline")
HEAD = "| task | before | codes alone | all weights, digital, float | linear, float |\n|---|---|---|---|---|"


def _text(figure: Figure, seeds: int) -> str:
    return f"{100 * figure[0]:.1f} (1 seed)" if seeds == 1 else in_percent(figure)


def _after(found: Summary) -> str:
    return _text(found.after, found.seeds)


def _stream_cells(learners: Mapping[str, Figure]) -> list[str]:
    before = f"{100 * learners['frozen'][0]:.1f}"
    return [before, in_percent(learners["codes"]), in_percent(learners["tft"]), ""]


def _cells(row: Mapping[str, Any], results: KeptResults) -> list[str]:
    if results.is_stream(row["codes"]):
        return _stream_cells(results.stream(row["codes"]))
    domain = row.get("domain", "")
    codes = results.summary(row["codes"], domain)
    others = [_after(results.summary(row[name], domain)) if name in row else "" for name in ("weights", "linear")]
    return [f"{100 * codes.before[0]:.1f}", _after(codes), *others]


def headline_table(path: Path) -> str:
    """The table that the file at `path` asks for, of the results beside it.

    Its rows have `task` and the names of results: `codes`, and where there are any `weights` and `linear`; `domain`
    takes one domain of them.

    Raises:
        UsageError, VersionMismatchError: as `read_schema` and `KeptResults.summary`.
    """
    results = KeptResults(path.parent)
    lines = [
        "| " + " | ".join([row["task"], *_cells(row, results)]) + " |"
        for row in read_schema(path, SCHEMA, SCHEMA_VERSION)["row"]
    ]
    return "\n".join([HEAD, *lines])
