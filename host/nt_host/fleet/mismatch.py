"""What mismatch costs a network that was trained for the ideal chip, and what calibration and adaptation give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nt_calib.options import Options
from nt_host.adapt.settings import AdaptSettings
from nt_host.fleet.chip import ADAPTED, BOTH, CALIBRATED, UNTOUCHED, ChipOutcome, ChipTask, Setup, run_chip
from nt_host.fleet.keep import Keep, digest_of
from nt_host.fleet.networks import (
    IDEAL_TRAIN,
    NetworkPlan,
    labelled_of,
    samples_of,
    trained_network,
    undrifted_split,
)
from nt_host.fleet.run import OnDone, Workers, run_all
from nt_host.fleet.table_file import write_table
from nt_host.pretrain.spec import TrainSpec
from nt_host.spread import mean_and_spread
from nt_host.tasks import load_task
from nt_model.corner import Corner, spread_corner

SCHEMA = "nt-mismatch/1"
STATES = (UNTOUCHED, CALIBRATED, ADAPTED, BOTH)
IDEAL = Corner("ideal")
LABELS_PER_CLASS = 20


@dataclass(frozen=True)
class MismatchPlan:
    """Chips of every spread for every network.

    Attributes:
        tasks: named tasks.
        networks: training seeds per task.
        chips: chips per network and corner.
        spread_percent: of the neurons' gains; thresholds and leaks spread half as much.
        dead_ppm: shares of dead neurons.
        train: of the networks.
        settings: of the adaptation.
        options: of the calibration.
    """

    tasks: tuple[str, ...] = ("digits", "enose", "emg")
    networks: tuple[int, ...] = (0, 1)
    chips: int = 5
    spread_percent: tuple[int, ...] = (10, 20, 30)
    dead_ppm: tuple[int, ...] = (0, 10_000)
    train: TrainSpec = IDEAL_TRAIN
    settings: AdaptSettings = field(default_factory=lambda: AdaptSettings(steps=100))
    options: Options = field(default_factory=Options)

    def corners(self) -> list[Corner]:
        """Corners by name, such as "30 %, dead 1 %"; 1 % temporal noise in all of them."""
        return [
            spread_corner(f"{percent} %" + (f", dead {dead / 10_000:g} %" if dead else ""), percent, dead_ppm=dead)
            for dead in self.dead_ppm
            for percent in self.spread_percent
        ]


def mismatch_setups(plan: MismatchPlan, folder: Path, on_done: OnDone) -> dict[str, Setup]:
    """Networks by name with their samples; trains those that `folder` lacks."""
    setups: dict[str, Setup] = {}
    of = len(plan.tasks) * len(plan.networks)
    for name in plan.tasks:
        task = load_task(name, None)
        for seed in plan.networks:
            on_done(len(setups), of, f"training {name}, seed {seed}")
            network = NetworkPlan(name, seed, plan.train)
            source, test = undrifted_split(task, seed, network.test_samples)
            loaded = trained_network(network, task, source, folder)
            setups[network.name] = Setup(
                loaded,
                samples_of(loaded.image, test),
                samples_of(loaded.image, labelled_of(source, LABELS_PER_CLASS, seed)),
                settings=plan.settings,
                options=plan.options,
            )
    return setups


def run_mismatch(
    plan: MismatchPlan, folder: Path, workers: Workers = Workers(), on_done: OnDone = lambda done, total, note: None
) -> dict[str, Any]:
    """Run all chips and write `<folder>/mismatch.json`; gives its table.

    Raises:
        EnvironmentMissingError: recordings or PyTorch are missing; see also `run_all`.
        UsageError: the folder cannot be made.
    """
    setups = mismatch_setups(plan, folder / "images", on_done)
    tasks = [ChipTask(name, IDEAL, 0) for name in setups]
    # Chips of every corner come in turn, so that a run that is broken off has some of each.
    tasks += [
        ChipTask(name, corner, 1000 * network + chip, STATES)
        for chip in range(plan.chips)
        for corner in plan.corners()
        for network, name in enumerate(setups)
    ]
    outcomes = run_all(run_chip, setups, tasks, _keep(plan, setups, folder), workers, on_done)
    table = mismatch_table(plan, outcomes)
    write_table(folder / "mismatch.json", table)
    return table


def _keep(plan: MismatchPlan, setups: dict[str, Setup], folder: Path) -> Keep[ChipOutcome]:
    context = {
        "images": {name: setup.loaded.digest for name, setup in setups.items()},
        "settings": plan.settings.table(),
        "options": asdict(plan.options),
    }
    return Keep(folder / "chips", digest_of(context), ChipOutcome)


def mismatch_table(plan: MismatchPlan, outcomes: Sequence[ChipOutcome]) -> dict[str, Any]:
    """Plan and, for every task and corner, mean and spread over chips of the accuracy in each state and of the loss
    against the same network on the ideal chip, shares 0..1."""
    ideal = {one.setup: one.accuracy(UNTOUCHED) for one in outcomes if one.corner == IDEAL.name}
    rows = []
    for task in plan.tasks:
        mine = [one for one in outcomes if one.setup.rsplit("-s", 1)[0] == task and one.corner != IDEAL.name]
        for corner in dict.fromkeys(one.corner for one in mine):
            chips = [one for one in mine if one.corner == corner]
            row: dict[str, Any] = {"task": task, "corner": corner, "chips": len(chips)}
            row["calibrated_share"] = sum(one.calibrated for one in chips) / sum(one.neurons for one in chips)
            for measure in ("strict", "argmax"):
                reference = [getattr(ideal[one.setup], measure) for one in chips]
                row[measure] = {"ideal": mean_and_spread(reference)}
                for state in STATES:
                    values = [getattr(one.accuracy(state), measure) for one in chips]
                    losses = [best - value for best, value in zip(reference, values, strict=True)]
                    row[measure][state] = mean_and_spread(values)
                    row[measure][f"loss {state}"] = mean_and_spread(losses)
            rows.append(row)
    return {"schema": SCHEMA, "plan": asdict(plan), "rows": rows}
