"""Studies as Markdown, rendered from their result files alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nt_host.study.result import StudyResult, StudyTable, read_study

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


def _section(result: StudyResult, folder: str, told_before: set[str]) -> list[str]:
    lines = [f"## {result.title}", "", f"Made by `nt-host experiment {result.study} --out FOLDER`.", ""]
    for paragraph in result.told:
        if paragraph not in told_before:
            lines += [paragraph, ""]
    told_before.update(result.told)
    if result.checks:
        lines += markdown_table(_checks(result))
    for table in result.tables:
        lines += markdown_table(table)
    if result.finding:
        lines += [f"**Finding.** {result.finding}", ""]
    for picture in result.pictures:
        lines += [f"![{picture.caption}]({Path(folder) / picture.file})", "", picture.caption, ""]
    return lines


def _subject(results: Sequence[StudyResult]) -> str:
    is_tables = all(each.study.startswith("table") for each in results)
    return "tables 1 to 8" if is_tables else "circuit, energy, XOR"


def studies_page(paths: Sequence[Path], out: Path | None, title: str = "", intro: Sequence[str] = ()) -> str:
    """Markdown of the study results at `paths` under `title` (empty: the paper) and the paragraphs of `intro`; links to
    pictures are relative to the page's path `out` (None: to the working folder). What an earlier section has told is
    not told again. Raises as `read_study`."""
    base = Path() if out is None else out.parent
    results = [read_study(path) for path in paths]
    told_before: set[str] = set()
    lines = [BANNER, "", f"# {title or f'Held against the paper: {_subject(results)}'}", ""]
    for paragraph in intro:
        lines += [paragraph, ""]
    for path, result in zip(paths, results, strict=True):
        lines += _section(result, os.path.relpath(path.parent, base), told_before)
    return "\n".join(lines)
