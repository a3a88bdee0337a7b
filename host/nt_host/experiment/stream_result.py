"""Result of the streaming experiment: who was right when, as JSON, and tables made from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nt_host.experiment.stream import LEARNERS, StreamRun, StreamSettings
from nt_host.spread import in_percent, mean_and_spread
from nt_model.errors import UsageError
from nt_model.image_file import write_atomically

STREAM_SCHEMA = "nt-stream/1"
WHOLE_STREAM = "whole stream"


@dataclass(frozen=True)
class StreamResult:
    """All runs of a streaming experiment.

    Attributes:
        task: named task.
        settings: as run.
        domains: (name, samples) in the order of time.
        runs: one text of 0 and 1 per (learner, seed): whether each prediction was right.
    """

    task: str
    settings: StreamSettings
    domains: tuple[tuple[str, int], ...]
    runs: dict[tuple[str, int], str]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({seed for _, seed in self.runs}))

    def right(self, learner: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(seeds, n) 1.0 where a prediction was right."""
        return np.array([[float(one) for one in self.runs[learner, seed]] for seed in self.seeds])

    def rows(self) -> list[tuple[str, dict[str, tuple[float, float]]]]:
        """(domain, (mean, standard deviation over seeds) of each learner), the whole stream last."""
        spans, begin = [], 0
        for name, count in self.domains:
            spans.append((name, begin, begin + count))
            begin += count
        spans.append((WHOLE_STREAM, 0, begin))
        by_learner = {learner: self.right(learner) for learner in LEARNERS}
        found = []
        for name, low, high in spans:
            values = {}
            for learner, right in by_learner.items():
                column = right[:, low:high].mean(axis=1).tolist()
                values[learner] = mean_and_spread(column)
            found.append((name, values))
        return found


def run_text(run: StreamRun) -> str:
    """The text of 0 and 1 that a result keeps of a run."""
    return "".join("1" if one else "0" for one in run.right)


def write_stream(path: Path, result: StreamResult) -> None:
    """Write `result` as JSON to `path` atomically."""
    table = {
        "schema": STREAM_SCHEMA,
        "task": result.task,
        "settings": asdict(result.settings),
        "domains": [list(domain) for domain in result.domains],
        "runs": [{"learner": learner, "seed": seed, "right": text} for (learner, seed), text in result.runs.items()],
    }
    write_atomically(path, (json.dumps(table, indent=1) + "\n").encode())


def is_stream(path: Path) -> bool:
    """Whether the file at `path` says that it is a result of the streaming experiment."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["schema"] == STREAM_SCHEMA)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_stream(path: Path) -> StreamResult:
    """Inverse of `write_stream`; UsageError where the file is none."""
    if not is_stream(path):
        raise UsageError(
            "this is not a result of the streaming experiment",
            evidence=str(path),
            next_step="make one with `nt-host experiment stream --out FOLDER`",
        )
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return StreamResult(
        table["task"],
        StreamSettings(**table["settings"]),
        tuple((str(name), int(count)) for name, count in table["domains"]),
        {(run["learner"], run["seed"]): run["right"] for run in table["runs"]},
    )


def stream_cells(rows: Sequence[tuple[str, dict[str, tuple[float, float]]]]) -> list[list[str]]:
    """Rows as text: domain, then mean and spread of each learner in per cent."""
    return [[name, *(in_percent(values[learner]) for learner in LEARNERS)] for name, values in rows]
