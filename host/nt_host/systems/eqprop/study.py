"""Study `eqprop`: a spiking equilibrium-propagation learner on MNIST, on the array, and its gain-only local rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from nt_host.adapt.settings import AdaptSettings
from nt_host.fleet.keep import Keep, digest_of
from nt_host.study.result import Picture, StudyResult
from nt_host.systems.eqprop.array import ArrayForm
from nt_host.systems.eqprop.chips import IDEAL, TYPICAL, ChipOutcome, ChipPlan, ChipTask, run_chip
from nt_host.systems.eqprop.digits import Mnist, load_mnist
from nt_host.systems.eqprop.judge import Learned, judged_network
from nt_host.systems.eqprop.keep import trained
from nt_host.systems.eqprop.local_rule import LocalSettings
from nt_host.systems.eqprop.report import eqprop_checks, eqprop_finding, eqprop_tables
from nt_host.systems.eqprop.told import eqprop_told
from nt_host.systems.eqprop.train import TrainSettings

DEFAULT_SEEDS = (0, 1, 2)
N_CHIPS = 5
TRAIN = TrainSettings()
PLAN = ChipPlan(
    ArrayForm(),
    presentations=2,
    degrees=30.0,
    labels_per_class=(10, 100),
    local=(LocalSettings(steps=50, rate_code=4.0), LocalSettings(steps=200, rate_code=8.0)),
    default=(
        AdaptSettings(steps=100, batch_size=50, held_out=0.0),
        AdaptSettings(steps=200, batch_size=50, held_out=0.0),
    ),
)
OnProgress = Callable[[int, int, str], None]


def run_eqprop(
    folder: Path,
    data: Mnist,
    seeds: Sequence[int],
    how: TrainSettings,
    plan: ChipPlan,
    n_chips: int,
    on_progress: OnProgress = lambda done, total, note: None,
) -> tuple[list[Learned], list[ChipOutcome]]:
    """Train a network per seed, and put the first on an ideal chip and on `n_chips` typical ones.

    Networks and chips are kept in `folder`: a killed run goes on. Raises as `trained` and `run_chip`.
    """
    tasks = [ChipTask(IDEAL, 0, seeds[0]), *(ChipTask(TYPICAL, chip, seeds[0]) for chip in range(n_chips))]
    total = len(seeds) + len(tasks)
    networks, learned = [], []
    for done, seed in enumerate(seeds):
        on_progress(done, total, f"training network {seed}")
        networks.append(trained(folder, data.train, None, how, seed).network)
        learned.append(judged_network(networks[-1], data.test, how, seed))
    sizes = [len(part.labels) for part in (data.train, data.test)]
    keep = Keep(folder / "chips", digest_of([repr(how), repr(plan), sizes]), ChipOutcome)
    keep.prepare()
    outcomes = []
    for done, task in enumerate(tasks):
        on_progress(len(seeds) + done, total, f"{task.corner} chip {task.chip}")
        outcome = keep.find(task)
        if outcome is None:
            outcome = run_chip(task, networks[0], data, plan)
            keep.store(task, outcome)
        outcomes.append(outcome)
    return learned, outcomes


def chosen_curve(folder: Path, data: Mnist, seed: int) -> tuple[float, ...]:
    """Accuracy 0..1 on the held-out images after each epoch of a training without them: how settings were chosen."""
    return trained(folder, data.fit, data.held_out, TRAIN, seed).curve


def run_eqprop_study(
    folder: Path, seeds: Sequence[int] = DEFAULT_SEEDS, on_progress: OnProgress = lambda done, total, note: None
) -> StudyResult:
    """Run the study on MNIST; draws the picture into `folder`. Raises as `load_mnist` and `run_eqprop`."""
    # Imported where it is used: matplotlib takes half a second to load.
    from nt_host.systems.eqprop.picture import write_eqprop_picture

    data = load_mnist()
    curve = chosen_curve(folder, data, seeds[0])
    learned, outcomes = run_eqprop(folder, data, seeds, TRAIN, PLAN, N_CHIPS, on_progress)
    write_eqprop_picture(folder / "eqprop.png", curve, outcomes, PLAN)
    return StudyResult(
        "eqprop",
        "Spiking equilibrium propagation on MNIST, and its gain-only form as a local rule",
        eqprop_told(TRAIN, PLAN, seeds),
        eqprop_checks(learned, outcomes, PLAN),
        eqprop_tables(learned, outcomes, PLAN),
        (
            Picture(
                "eqprop.png",
                "Left: accuracy on the 10,000 held-out images after each epoch of a training without them. Right: "
                "accuracy on the tilted test before and after the codes were moved, mean and standard deviation of the "
                "chips.",
            ),
        ),
        {
            "seeds": list(seeds),
            "held_out_curve": list(curve),
            "networks": [asdict(each) for each in learned],
            "chips": [asdict(each) for each in outcomes],
        },
        eqprop_finding(outcomes, PLAN),
    )
