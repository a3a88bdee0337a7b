"""Defaults from TOML: project file over user file; flags and NT_HOST_* variables stand above both.

`nt-host.toml` in the working folder and `nt-host/config.toml` in the user's configuration folder hold a table
`[defaults]` for all commands and a table per command, `[adapt]` for example; keys are option names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nt_host.toml_file import read_toml
from nt_model.errors import UsageError

PROJECT_FILE = Path("nt-host.toml")
COMMON_TABLE = "defaults"


def user_file() -> Path:
    """The user's file, in XDG_CONFIG_HOME or ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "nt-host" / "config.toml"


def _names(command: click.Command) -> set[str]:
    return {parameter.name for parameter in command.params if parameter.name is not None}


def _checked(path: Path, table: Mapping[str, Any], commands: Mapping[str, click.Command]) -> None:
    known = set().union(*(_names(command) for command in commands.values()))
    for name, section in table.items():
        if name != COMMON_TABLE and name not in commands:
            raise UsageError(
                f"the configuration has a table for an unknown command '{name}'",
                evidence=str(path),
                next_step=f"use one of: {', '.join([COMMON_TABLE, *commands])}",
            )
        allowed = known if name == COMMON_TABLE else _names(commands[name])
        unknown = [key for key in section if key.replace("-", "_") not in allowed]
        if unknown:
            raise UsageError(
                f"the configuration has an unknown key '{unknown[0]}' in [{name}]",
                evidence=str(path),
                next_step="see the options with `nt-host COMMAND --help`",
            )


def default_map(commands: Mapping[str, click.Command]) -> dict[str, dict[str, Any]]:
    """Defaults of each command, by command and option name; UsageError for a broken or unknown entry."""
    merged: dict[str, dict[str, Any]] = {name: {} for name in commands}
    for path in (user_file(), PROJECT_FILE):
        if not path.is_file():
            continue
        table = read_toml(path)
        _checked(path, table, commands)
        for name, command in commands.items():
            for section in (table.get(COMMON_TABLE, {}), table.get(name, {})):
                usable = {key.replace("-", "_"): value for key, value in section.items()}
                merged[name].update({key: value for key, value in usable.items() if key in _names(command)})
    return merged
