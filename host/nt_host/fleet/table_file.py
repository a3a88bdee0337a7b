"""Results of a run over many chips as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nt_model.errors import UsageError
from nt_model.image_file import write_atomically


def write_table(path: Path, table: dict[str, Any]) -> None:
    """Write `table`, which names its schema, to `path` atomically."""
    write_atomically(path, (json.dumps(table, indent=1) + "\n").encode())


def read_table(path: Path, schema: str) -> dict[str, Any]:
    """The table at `path`; UsageError where it is none of `schema`."""
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = table["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "this is not a result file", evidence=f"{path}: {error}", next_step="make one with `nt-host experiment`"
        ) from error
    if found != schema:
        raise UsageError("the result file has another schema", evidence=f"{path}: {found}", next_step="run it again")
    return table
