"""Puts what a benchmark printed into its place on docs/performance.md, between two markers."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path("docs", "performance.md")


def put(name: str, text: str) -> None:
    """Replace section `name` of the page by `text`, or append it where there is none."""
    begin, end = f"<!-- {name}: printed by bench/{name}.py; do not edit -->", f"<!-- {name}: end -->"
    fresh = f"{begin}\n\n{text.strip()}\n\n{end}"
    page = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    before, found, rest = page.partition(begin)
    if not found:
        before, rest = (page.rstrip("\n") + "\n\n").lstrip("\n"), f"{end}\n"
    DOCUMENT.write_text(before + fresh + rest.partition(end)[2], encoding="utf-8")
