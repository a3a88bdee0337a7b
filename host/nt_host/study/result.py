"""Result of a study: tables, pictures, checks against targets, and the raw values behind them, as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nt_model.errors import TargetNotMetError, UsageError, VersionMismatchError
from nt_model.image_file import write_atomically

SCHEMA = "nt-study/1"


@dataclass(frozen=True)
class Check:
    """One target: what is asked, what was measured, whether that meets it."""

    what: str
    target: str
    measured: str
    met: bool


@dataclass(frozen=True)
class StudyTable:
    """A table of text: `rows` as wide as `columns`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A PNG beside the result file."""

    file: str
    caption: str


@dataclass(frozen=True)
class StudyResult:
    """What a study found.

    Attributes:
        study: its name, as `nt-host experiment` takes it.
        title: heading of its section.
        told: paragraphs on what was done and how.
        values: plain raw values, for those who want to plot them anew.
        finding: what it shows, in a sentence or two; may be empty.
    """

    study: str
    title: str
    told: tuple[str, ...]
    checks: tuple[Check, ...]
    tables: tuple[StudyTable, ...]
    pictures: tuple[Picture, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    finding: str = ""

    def require_checks(self) -> None:
        """TargetNotMetError where a check is missed."""
        missed = [check for check in self.checks if not check.met]
        if missed:
            raise TargetNotMetError(
                f"{len(missed)} of {len(self.checks)} checks of study '{self.study}' are missed",
                evidence="; ".join(f"{each.what}: {each.measured}, asked {each.target}" for each in missed),
                next_step="see the tables above; what each check assumes stands on the page of this study in docs/",
            )


def study_folder(path: Path) -> Path:
    """Make the folder `path`; UsageError where it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "the folder of the experiment cannot be made",
            evidence=str(error),
            next_step="give a folder that you can write with `--out`",
        ) from error
    return path


def write_study(folder: Path, result: StudyResult) -> Path:
    """Write `<folder>/<study>.json` atomically; gives its path."""
    path = folder / f"{result.study}.json"
    write_atomically(path, (json.dumps({"schema": SCHEMA, **asdict(result)}, indent=1) + "\n").encode())
    return path


def is_study(path: Path) -> bool:
    """Whether the file at `path` says that it is the result of a study, of whatever version."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["schema"]).startswith(SCHEMA.split("/")[0])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_study(path: Path) -> StudyResult:
    """The result at `path`; UsageError where it is none, VersionMismatchError for another version."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        schema = table.pop("schema")
        if schema != SCHEMA:
            raise VersionMismatchError(
                "the file is of another schema", evidence=f"{path}: {schema}", next_step="run the experiment again"
            )
        return StudyResult(
            study=table["study"],
            title=table["title"],
            told=tuple(table["told"]),
            checks=tuple(Check(**each) for each in table["checks"]),
            tables=tuple(
                StudyTable(each["title"], tuple(each["columns"]), tuple(tuple(row) for row in each["rows"]))
                for each in table["tables"]
            ),
            pictures=tuple(Picture(**each) for each in table["pictures"]),
            values=table["values"],
            finding=table.get("finding", ""),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            "this is not the result of a study",
            evidence=f"{path}: {error}",
            next_step="make one with `nt-host experiment circuit --out FOLDER`",
        ) from error
