"""Yield of a design: how many of many dies reach an accuracy, untouched and calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from nt_calib.options import Options
from nt_host.fleet.chip import CALIBRATED, UNTOUCHED, ChipOutcome, ChipTask, Samples, Setup, run_chip
from nt_host.fleet.keep import Keep, digest_of
from nt_host.fleet.run import OnDone, Workers, run_all
from nt_host.fleet.table_file import write_table
from nt_model.corner import Corner, corner_named
from nt_model.errors import UsageError
from nt_model.image_file import LoadedImage

SCHEMA = "nt-montecarlo/1"
MEASURES = ("strict", "argmax")
SETUP = "chip"
BELOW_IDEAL = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
"""Required accuracies of the table, below that of the ideal chip."""
Z_95 = 1.959964


@dataclass(frozen=True)
class MonteCarloPlan:
    """Chips `first_seed`, `first_seed` + 1, ... of the named `corner`; `calibrate`: also after a calibration.

    Raises:
        UsageError: no chip is asked for, or no corner has this name.
    """

    chips: int = 1000
    corner: str = "typical"
    first_seed: int = 0
    calibrate: bool = False
    options: Options = field(default_factory=Options)
    engine: str = "c"

    def __post_init__(self) -> None:
        corner_named(self.corner)
        if self.chips < 1:
            raise UsageError("at least one chip is needed", evidence=str(self.chips), next_step="give `--chips 1000`")

    @property
    def states(self) -> tuple[str, ...]:
        """States in which every chip is measured."""
        return (UNTOUCHED, CALIBRATED) if self.calibrate else (UNTOUCHED,)


def run_montecarlo(
    plan: MonteCarloPlan,
    loaded: LoadedImage,
    test: Samples,
    folder: Path,
    workers: Workers = Workers(),
    on_done: OnDone = lambda done, total, note: None,
) -> dict[str, Any]:
    """Measure all chips, keep them in `<folder>/chips`, write `<folder>/montecarlo.json` and give its table.

    A killed run that is run again gives the same table; so does any number of workers.

    Raises:
        UsageError: the folder cannot be made, or the image does not fit the samples; see also `run_all`.
    """
    setups = {SETUP: Setup(loaded, test, options=plan.options, engine=plan.engine)}
    tasks = [ChipTask(SETUP, Corner("ideal"), 0)]
    # State by state, so that chips measured untouched need not be measured again when calibration is asked for.
    tasks += [
        ChipTask(SETUP, corner_named(plan.corner), plan.first_seed + chip, (state,))
        for state in plan.states
        for chip in range(plan.chips)
    ]
    context = {
        "image": loaded.digest,
        "test": [digest_of(test.events.tolist()), digest_of(test.labels.tolist())],
        "options": asdict(plan.options),
    }
    keep = Keep(folder / "chips", digest_of(context), ChipOutcome)
    outcomes = run_all(run_chip, setups, tasks, keep, workers, on_done)
    table = montecarlo_table(plan, loaded.digest, outcomes[0], outcomes[1:])
    write_table(folder / "montecarlo.json", table)
    return table


def montecarlo_table(
    plan: MonteCarloPlan, image_digest: str, ideal: ChipOutcome, outcomes: Sequence[ChipOutcome]
) -> dict[str, Any]:
    """Plan, accuracy of the ideal chip, accuracies of all chips by state and measure in the order of their seeds, and
    the yield at `BELOW_IDEAL`."""
    reference = ideal.accuracy(UNTOUCHED)
    accuracies: dict[str, dict[str, list[float]]] = {}
    for state in plan.states:
        mine = sorted((one for one in outcomes if state in one.accuracies), key=lambda one: one.seed)
        accuracies[state] = {measure: [one.accuracies[state][measure] for one in mine] for measure in MEASURES}
    rows = []
    for measure in MEASURES:
        for below in BELOW_IDEAL:
            required = getattr(reference, measure) - below
            row: dict[str, Any] = {"measure": measure, "below_ideal": below, "required": required}
            row["yield"] = {
                state: yield_and_interval(values[measure], required) for state, values in accuracies.items()
            }
            rows.append(row)
    return {
        "schema": SCHEMA,
        "plan": asdict(plan),
        "image": image_digest,
        "samples": reference.n,
        "ideal": {measure: getattr(reference, measure) for measure in MEASURES},
        "accuracies": accuracies,
        "yields": rows,
    }


def yield_and_interval(accuracies: Sequence[float], required: float) -> tuple[float, float, float]:
    """(share of chips whose accuracy is at least `required`, 95 % interval of it), Wilson 1927."""
    n = len(accuracies)
    # Shares of the same samples, computed by different divisions, may differ in the last bit.
    good = int((np.asarray(accuracies) >= required - 1e-12).sum())
    share, z2 = good / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return share, max(0.0, centre - half), min(1.0, centre + half)
