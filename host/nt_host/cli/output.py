"""Where output goes: results on stdout (text or NDJSON), log and progress on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

JSON_SCHEMA = "nt-host/1"
PIPE_WIDTH = 200


def _console(stderr: bool) -> Console:
    """A console as wide as the terminal; where there is none, wide enough that no table is cut."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_WIDTH)
    return console


@dataclass
class Bar:
    """Progress of one piece of work; does nothing where there is no terminal."""

    progress: Progress | None = None
    task: Any = None

    def update(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` steps are finished; `note` is shown beside the bar."""
        if self.progress is not None:
            self.progress.update(self.task, completed=done, total=total, note=note)


@dataclass
class Output:
    """Output of one command.

    Attributes:
        as_json: one JSON object per line on stdout, each with `schema` and `kind`, and no text.
    """

    as_json: bool
    out: Console = field(default_factory=lambda: _console(stderr=False))
    log: Console = field(default_factory=lambda: _console(stderr=True))

    def record(self, kind: str, **values: Any) -> None:
        """One NDJSON record; nothing where text is wanted."""
        if self.as_json:
            click.echo(json.dumps({"schema": JSON_SCHEMA, "kind": kind, **values}, ensure_ascii=False))

    def show(self, renderable: RenderableType) -> None:
        """Text or table on stdout; nothing where JSON is wanted."""
        if not self.as_json:
            self.out.print(renderable)

    def result(self, kind: str, values: Mapping[str, Any], renderable: RenderableType) -> None:
        """The same result as a record or as text."""
        self.record(kind, **values)
        self.show(renderable)

    def note(self, text: str) -> None:
        """One line of log on stderr."""
        self.log.print(text, style="dim", markup=False)

    @contextmanager
    def bar(self, label: str) -> Iterator[Bar]:
        """A progress bar on stderr, shown on a terminal only."""
        if not self.log.is_terminal:
            yield Bar()
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.log, transient=True) as progress:
            yield Bar(progress, progress.add_task(label, total=None, note=""))
