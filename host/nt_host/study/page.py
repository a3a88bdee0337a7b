"""Studies as Markdown, rendered from their result files alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nt_host.study.result import StudyResult, StudyTable, read_study

TITLE = "Held against the paper: circuit, energy, XOR"
BANNER = "<!-- Rendered by `nt-host report`; do not edit. -->"


def markdown_table(table: StudyTable) -> list[str]:
    """Lines of one table, its title first."""
    lines = [f"**{table.title}**", ""] if table.title else []
    lines.append("| " + " | ".join(table.columns) + " |")
    lines.append("|---" * len(table.columns) + "|")
    return [*lines, *("| " + " | ".join(row) + " |" for row in table.rows), ""]


def _checks(result: StudyResult) -> StudyTable:
    rows = tuple((each.what, each.target, each.measured, "yes" if each.met else "**no**") for each in result.checks)
    return StudyTable("", ("checked", "asked", "measured", "met"), rows)


def _section(result: StudyResult, folder: str) -> list[str]:
    lines = [f"## {result.title}", "", f"Made by `nt-host experiment {result.study} --out FOLDER`.", ""]
    for paragraph in result.told:
        lines += [paragraph, ""]
    if result.checks:
        lines += markdown_table(_checks(result))
    for table in result.tables:
        lines += markdown_table(table)
    for picture in result.pictures:
        lines += [f"![{picture.caption}]({Path(folder) / picture.file})", "", picture.caption, ""]
    return lines


def studies_page(paths: Sequence[Path], out: Path | None, title: str = TITLE, intro: Sequence[str] = ()) -> str:
    """Markdown of the study results at `paths` under `title` and the paragraphs of `intro`; links to pictures are
    relative to the page's path `out` (None: to the working folder). Raises as `read_study`."""
    base = Path() if out is None else out.parent
    lines = [BANNER, "", f"# {title}", ""]
    for paragraph in intro:
        lines += [paragraph, ""]
    for path in paths:
        lines += _section(read_study(path), os.path.relpath(path.parent, base))
    return "\n".join(lines)
