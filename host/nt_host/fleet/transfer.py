"""Learn once, deploy on many: codes learned on one chip, loaded on others of the same corner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from nt_calib.options import Options
from nt_host.adapt.settings import AdaptSettings
from nt_host.fleet.chip import (
    ADAPTED,
    BOTH,
    CALIBRATED,
    CALIBRATED_LOADED,
    LOADED,
    UNTOUCHED,
    ChipOutcome,
    ChipTask,
    Setup,
    run_chip,
)
from nt_host.fleet.keep import Keep, digest_of
from nt_host.fleet.networks import samples_of
from nt_host.fleet.run import OnDone, Workers, run_all
from nt_host.fleet.table_file import write_table
from nt_host.images import packaged_image
from nt_host.spread import mean_and_spread
from nt_host.tasks import load_task, split_target
from nt_host.train_image import cached_image, recipe
from nt_model.corner import Corner, corner_named
from nt_model.image_file import LoadedImage, read_image

SCHEMA = "nt-transfer/1"
LEARNER_STATES = (UNTOUCHED, ADAPTED, CALIBRATED, BOTH)
RECEIVER_STATES = (UNTOUCHED, LOADED, CALIBRATED, CALIBRATED_LOADED)
FIRST_LEARNER = 1_000_000
PACKAGED_TASK = "digits"


@dataclass(frozen=True)
class TransferPlan:
    """Chips that learn a drifted domain and chips that get their codes.

    Attributes:
        domains: (task, domain) pairs; digits take the packaged network, others one trained by the task's recipe.
        learners: chips that learn each domain.
        receivers: chips that the codes of each learner are loaded on, the same for all.
        corner: process corner of all of them.
        settings: of the adaptation.
        options: of the calibration.
        seed: of training and of the draw of labels.
    """

    domains: tuple[tuple[str, str], ...] = (("digits", "camera"), ("enose", "batch3"), ("enose", "batch6"))
    learners: int = 1
    receivers: int = 20
    corner: str = "wild"
    settings: AdaptSettings = field(default_factory=AdaptSettings)
    options: Options = field(default_factory=Options)
    seed: int = 0


def transfer_setups(plan: TransferPlan, folder: Path, on_done: OnDone) -> dict[str, Setup]:
    """Setups by "task domain"; trains the networks that `folder` lacks."""
    setups: dict[str, Setup] = {}
    for name, domain in plan.domains:
        task = load_task(name, None)
        on_done(len(setups), len(plan.domains), f"network for {name}")
        loaded = _image(plan, name, folder)
        split = split_target(task.target(domain), task.labels_per_class, plan.seed)
        setups[f"{name} {domain}"] = Setup(
            loaded,
            samples_of(loaded.image, split.test),
            samples_of(loaded.image, split.labelled),
            settings=plan.settings,
            options=plan.options,
        )
    return setups


def _image(plan: TransferPlan, name: str, folder: Path) -> LoadedImage:
    if name == PACKAGED_TASK:
        return read_image(packaged_image(name))
    spec = replace(recipe(name), seed=plan.seed)
    path = folder / f"{name}-s{plan.seed}-{digest_of(asdict(spec))[:8]}.ntrom"
    cached_image(path, load_task(name, None), spec)
    return read_image(path)


def run_transfer(
    plan: TransferPlan, folder: Path, workers: Workers = Workers(), on_done: OnDone = lambda done, total, note: None
) -> dict[str, Any]:
    """Run learners, then receivers, and write `<folder>/transfer.json`; gives its table. Raises as `run_mismatch`."""
    setups = transfer_setups(plan, folder / "images", on_done)
    corner = corner_named(plan.corner)
    learners = [
        ChipTask(name, corner, FIRST_LEARNER + chip, LEARNER_STATES, keep_codes=True)
        for name in setups
        for chip in range(plan.learners)
    ]
    learned = run_all(run_chip, setups, learners, _keep(plan, setups, folder), workers, on_done)
    by_learner = {_with_codes_of(one): replace(setups[one.setup], codes=_codes(one)) for one in learned}
    receivers = receiver_tasks(plan, list(by_learner), corner)
    received = run_all(run_chip, by_learner, receivers, _keep(plan, by_learner, folder), workers, on_done)
    table = transfer_table(plan, learned, received)
    write_table(folder / "transfer.json", table)
    return table


def receiver_tasks(plan: TransferPlan, names: Sequence[str], corner: Corner) -> list[ChipTask]:
    """One task per receiver and setup, all setups of one chip in turn."""
    return [ChipTask(name, corner, chip, RECEIVER_STATES) for chip in range(plan.receivers) for name in names]


def _with_codes_of(learner: ChipOutcome) -> str:
    return f"{learner.setup}, codes of chip {learner.seed}"


def _codes(learner: ChipOutcome) -> dict[str, np.ndarray[Any, np.dtype[np.uint8]]]:
    return {
        LOADED: np.array(learner.codes[ADAPTED], np.uint8),
        CALIBRATED_LOADED: np.array(learner.codes[BOTH], np.uint8),
    }


def _keep(plan: TransferPlan, setups: Mapping[str, Setup], folder: Path) -> Keep[ChipOutcome]:
    context = {
        "images": {name: setup.loaded.digest for name, setup in setups.items()},
        "codes": {
            name: {state: codes.tolist() for state, codes in setup.codes.items()} for name, setup in setups.items()
        },
        "settings": plan.settings.table(),
        "options": asdict(plan.options),
        "seed": plan.seed,
    }
    return Keep(folder / "chips", digest_of(context), ChipOutcome)


def transfer_table(
    plan: TransferPlan, learned: Sequence[ChipOutcome], received: Sequence[ChipOutcome]
) -> dict[str, Any]:
    """Plan and, for every learner, its own accuracies and those of the receivers (mean and spread), shares 0..1.

    `kept` is the receivers' mean gain over the learner's gain, for codes learned and loaded without calibration
    (`loaded`) and with it (`calibrated and loaded`); None where the learner gained nothing.
    """
    rows = []
    for learner in learned:
        chips = [one for one in received if one.setup == _with_codes_of(learner)]
        row: dict[str, Any] = {"domain": learner.setup, "learner": learner.seed, "receivers": len(chips)}
        for measure in ("strict", "argmax"):
            own = {state: getattr(learner.accuracy(state), measure) for state in LEARNER_STATES}
            theirs = {state: [getattr(one.accuracy(state), measure) for one in chips] for state in RECEIVER_STATES}
            row[measure] = {
                "learner": own,
                "receivers": {state: mean_and_spread(values) for state, values in theirs.items()},
                "kept": {
                    LOADED: _kept(own[ADAPTED] - own[UNTOUCHED], theirs[UNTOUCHED], theirs[LOADED]),
                    CALIBRATED_LOADED: _kept(
                        own[BOTH] - own[CALIBRATED], theirs[CALIBRATED], theirs[CALIBRATED_LOADED]
                    ),
                },
            }
        rows.append(row)
    return {"schema": SCHEMA, "plan": asdict(plan), "rows": rows}


def _kept(learner_gain: float, before: Sequence[float], after: Sequence[float]) -> float | None:
    if learner_gain <= 0:
        return None
    return (float(np.mean(after)) - float(np.mean(before))) / learner_gain
