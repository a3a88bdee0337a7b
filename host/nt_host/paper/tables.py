"""`nt-host experiment table1` ... `table8`: which table runs what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from nt_host.paper.cells import CellStore, Measure, OnProgress, Runs
from nt_host.paper.feed_forward_tables import table1, table2, table3, table4, table5
from nt_host.paper.frozen import FrozenLayers, PaperTask, Setting
from nt_host.paper.recipe import Tuning
from nt_host.paper.spiking import held_out_accuracy, spiking_accuracy
from nt_host.paper.spiking_tables import table6, table7, table8
from nt_host.study.result import StudyResult
from nt_host.train_image import require_torch

FIVE_RUNS = (0, 1, 2, 3, 4)
FEED_FORWARD: Mapping[str, Callable[[Setting, Runs], StudyResult]] = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "table5": table5,
}
SPIKING: Mapping[str, Callable[[Setting, Runs], StudyResult]] = {
    "table6": table6,
    "table7": table7,
    "table8": table8,
}
TABLES = (*FEED_FORWARD, *SPIKING)


def _feed_forward(frozen: FrozenLayers, task: PaperTask, tuning: Tuning, run: int) -> float:
    # Imported where it is used: PyTorch is an extra, and takes seconds to load.
    from nt_host.paper.protocol import feed_forward_accuracy

    return feed_forward_accuracy(frozen, task, tuning, run)


def run_table(
    name: str,
    setting: Setting,
    folder: Path,
    seeds: tuple[int, ...] = FIVE_RUNS,
    on_progress: OnProgress = lambda done, total, note: None,
) -> StudyResult:
    """Run one of `TABLES` on `setting`; single runs are kept in, and taken from, `<folder>/cells.json`.

    Raises EnvironmentMissingError where PyTorch is missing (tables 1 to 5 alone need it).
    """
    measures: dict[str, Measure] = {
        "feed-forward": partial(_feed_forward, setting.frozen),
        "spiking": partial(spiking_accuracy, setting.frozen),
        "held-out": partial(held_out_accuracy, setting.frozen),
    }
    store = CellStore(folder, setting.digest)
    runs = Runs(store, seeds, measures, on_progress)
    if name in FEED_FORWARD:
        require_torch()
    found = {**FEED_FORWARD, **SPIKING}[name](setting, runs)
    used = {key: value for key, value in sorted(store.values.items()) if key in runs.used}
    return replace(found, values={"seeds": list(seeds), "accuracies": used})
