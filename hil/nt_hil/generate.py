"""Generates everything that follows from `messages.toml`: `python -m nt_hil.generate [--check]`.

With `--check` nothing is written and the exit status is 1 when a generated file is missing or stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nt_hil.schema.definition import SOURCE, Schema, load_schema
from nt_hil.schema.to_c import c_header
from nt_hil.schema.to_docs import with_tables
from nt_hil.schema.to_golden import golden_frames
from nt_hil.schema.to_python import python_source

REPOSITORY = SOURCE.parent.parent.parent


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def generated_files(schema: Schema) -> dict[Path, str]:
    """Content of every generated file by its path."""
    page = REPOSITORY / "docs" / "spec_wire.md"
    return {
        SOURCE.parent / "messages.py": python_source(schema),
        REPOSITORY / "firmware" / "core" / "nt_messages.h": c_header(schema),
        page: with_tables(_read(page), schema),
        REPOSITORY / "tests" / "hil" / "golden_frames.json": golden_frames(schema),
    }


def stale_files(schema: Schema) -> list[Path]:
    """Generated files that are missing or differ from what the definitions give."""
    return [path for path, text in generated_files(schema).items() if _read(path) != text]


def main(arguments: list[str] | None = None) -> int:
    """Command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m nt_hil.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    options = parser.parse_args(arguments)
    schema = load_schema()
    stale = stale_files(schema)
    for path in stale:
        print(f"{'stale' if options.check else 'written'}: {path.relative_to(REPOSITORY)}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated_files(schema)[path], encoding="utf-8")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
