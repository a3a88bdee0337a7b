"""Results of single runs, kept on disk so that a killed table goes on where it was and tables share what they share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nt_host.paper.frozen import PaperTask
from nt_host.paper.recipe import Tuning
from nt_host.spread import mean_and_spread, percent_over
from nt_model.image_file import write_atomically

SCHEMA = "nt-paper-cells/1"
FILE_NAME = "cells.json"
OnProgress = Callable[[int, int, str], None]
Measure = Callable[[PaperTask, Tuning, int], float]


@dataclass(frozen=True)
class Cell:
    """One run of one way of tuning on one task; `kind` names what is measured (feed-forward, spiking, held-out)."""

    kind: str
    task: PaperTask
    tuning: Tuning
    run: int

    @property
    def key(self) -> str:
        """Text that tells this run from any other of the same data."""
        return f"{self.kind}/{self.task.name}/{self.tuning.key}/run={self.run}"


@dataclass(frozen=True)
class Spread:
    """Accuracies of the runs of one mean, as shares, in the order of the seeds."""

    runs: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the runs."""
        return mean_and_spread(self.runs)[0]

    @property
    def deviation(self) -> float:
        """Sample standard deviation of the runs; 0 for a single one."""
        return mean_and_spread(self.runs)[1]

    @property
    def text(self) -> str:
        """In per cent, one decimal."""
        return percent_over(self.runs)


class CellStore:
    """Accuracies by key in `<folder>/cells.json`; cells of other data or of another version are dropped."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._path = folder / FILE_NAME
        self._digest = digest
        self.values: dict[str, float] = {}
        if self._path.is_file():
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            if stored.get("schema") == SCHEMA and stored.get("digest") == digest:
                self.values = dict(stored["cells"])

    def keep(self, key: str, value: float) -> None:
        """Remember `value` under `key` and write the file."""
        self.values[key] = value
        table = {"schema": SCHEMA, "digest": self._digest, "cells": self.values}
        write_atomically(self._path, (json.dumps(table, indent=1) + "\n").encode())


class Runs:
    """Runs cells, or takes them from the store.

    Args:
        store: what is known.
        seeds: the runs of every mean.
        measures: by kind, what measures a cell.
        on_progress: called with (cells done, cells in all, what is going on).
    """

    def __init__(
        self, store: CellStore, seeds: tuple[int, ...], measures: dict[str, Measure], on_progress: OnProgress
    ) -> None:
        self._store = store
        self.seeds = seeds
        self._measures = measures
        self._on_progress = on_progress
        self.used: set[str] = set()

    def fill(self, kind: str, tasks: Sequence[PaperTask], tunings: Sequence[Tuning]) -> None:
        """Run all `tunings` on all `tasks` with all seeds; one task's run after the other, so that its data stay."""
        cells = [Cell(kind, task, tuning, run) for task in tasks for run in self.seeds for tuning in tunings]
        for done, cell in enumerate(cells):
            note = f"{cell.task.name}, {cell.tuning.method} at {cell.tuning.rate:g}, run {cell.run}"
            self._on_progress(done, len(cells), note)
            if cell.key not in self._store.values:
                self._store.keep(cell.key, self._measures[kind](cell.task, cell.tuning, cell.run))
        self._on_progress(len(cells), len(cells), kind)

    def spread(self, kind: str, task: PaperTask, tuning: Tuning) -> Spread:
        """Mean and spread over the seeds of cells that `fill` ran."""
        keys = [Cell(kind, task, tuning, run).key for run in self.seeds]
        self.used.update(keys)
        return Spread(tuple(self._store.values[key] for key in keys))
