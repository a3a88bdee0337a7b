"""TOML files with a schema name: read with one clear error, written atomically."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import write_atomically

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]


def read_toml(path: Path) -> dict[str, Any]:
    """The table of the TOML file at `path`; UsageError where it is absent or not TOML."""
    if not path.is_file():
        raise UsageError("there is no such file", evidence=str(path), next_step="check the path")
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "the file is not valid TOML", evidence=f"{path}: {error}", next_step="repair the file or write it again"
        ) from error


def read_schema(path: Path, schema: str, version: int) -> dict[str, Any]:
    """As `read_toml`, for a file that says `schema = "<schema>"` and `schema_version = <version>`.

    Raises:
        UsageError: absent, not TOML, or of another schema.
        VersionMismatchError: written with another schema version.
    """
    table = read_toml(path)
    if table.get("schema") != schema:
        raise UsageError(
            f"the file is not of schema '{schema}'",
            evidence=f"{path}: {table.get('schema')!r}",
            next_step="give the right file",
        )
    if table.get("schema_version") != version:
        raise VersionMismatchError(
            f"the file has another version of schema '{schema}'",
            evidence=f"{path}: {table.get('schema_version')!r}, this program reads {version}",
            next_step="write the file again with this version of nt-host",
        )
    return table


def write_toml(path: Path, schema: str, version: int, table: Mapping[str, Any]) -> None:
    """Write `table` to `path` atomically with its schema name and version first."""
    text = tomli_w.dumps({"schema": schema, "schema_version": version, **table})
    write_atomically(path, text.encode())
