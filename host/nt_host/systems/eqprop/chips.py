"""One chip of the study: its accuracy upright and tilted, and after either rule has moved its codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nt_hil.chip import Chip
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.encode import encode
from nt_host.fleet.simulated import simulated_chip
from nt_host.move_codes import move_codes
from nt_host.readout import accuracy
from nt_host.systems.eqprop.array import ArrayForm, ArrayNetwork, array_network, settled
from nt_host.systems.eqprop.digits import Digits, Mnist, few_labels
from nt_host.systems.eqprop.local_rule import LocalSettings, adapt_locally
from nt_host.systems.eqprop.network import Network
from nt_model.corner import Corner, corner_named
from nt_model.image import CODE_DEFAULT
from nt_model.image_file import image_bytes, parse_image

IDEAL = "ideal"
TYPICAL = "typical"
LOCAL = "local"
DEFAULT_RULE = "dmn"


@dataclass(frozen=True)
class ChipPlan:
    """What is done with each chip.

    Attributes:
        form: how the network is put on the array.
        presentations: of the free phase; accuracy is given after the first and after the last.
        degrees: tilt that the codes are adapted to.
        labels_per_class: of each adaptation.
        local, default: settings of the local rule and of rule `dmn`, one for each entry of `labels_per_class`.
    """

    form: ArrayForm
    presentations: int
    degrees: float
    labels_per_class: tuple[int, ...]
    local: tuple[LocalSettings, ...]
    default: tuple[AdaptSettings, ...]


@dataclass(frozen=True)
class ChipTask:
    """One chip: its corner, its seed, and the seed of the network in its ROM."""

    corner: str
    chip: int
    network: int


@dataclass(frozen=True)
class ChipOutcome:
    """Accuracies 0..1 by state (`upright`, `tilted`, then `local 10` for the local rule with 10 labels per class, and
    so on): argmax and strict of the first presentation, argmax and strict of the last."""

    corner: str
    chip: int
    network: int
    states: dict[str, list[float]] = field(default_factory=dict)


def state_name(rule: str, labels_per_class: int) -> str:
    """Name of a state after adaptation."""
    return f"{rule} {labels_per_class}"


def judged(chip: Chip, on_array: ArrayNetwork, data: Digits, presentations: int) -> list[float]:
    """Argmax and strict accuracy of the first presentation, argmax and strict of the last, 0..1."""
    shown = settled(chip, on_array, data.x, presentations)
    found: list[float] = []
    for each in (shown[0], shown[-1]):
        right = accuracy(on_array.image.readout_class, each.counts[-1], data.labels, each.membrane_q8)
        found += [right.argmax, right.strict]
    return found


def adapt_by_default(chip: Chip, on_array: ArrayNetwork, labelled: Digits, settings: AdaptSettings) -> None:
    """Adapt by rule `dmn`, which knows one presentation without feedback."""
    silent = np.zeros((len(labelled.labels), on_array.image.n_classes), np.float32)
    image = on_array.image
    events = encode(image.encoder, np.concatenate([labelled.x, silent], axis=1), image.n_steps)
    adapt(chip, image, events, labelled.labels, settings)


def run_chip(task: ChipTask, network: Network, data: Mnist, plan: ChipPlan) -> ChipOutcome:
    """All states of one chip; the ideal one is judged upright and tilted only. Raises as `array_network` and `Chip`."""
    on_array = array_network(network, plan.form)
    corner = Corner(IDEAL) if task.corner == IDEAL else corner_named(task.corner)
    chip, _ = simulated_chip(parse_image(image_bytes(on_array.image)), corner, task.chip)
    tilted = data.test.turned(plan.degrees)
    states = {
        "upright": judged(chip, on_array, data.test, plan.presentations),
        "tilted": judged(chip, on_array, tilted, plan.presentations),
    }
    if task.corner != IDEAL:
        states |= _adapted_states(chip, on_array, task, data.held_out.turned(plan.degrees), tilted, plan)
    chip.close()
    return ChipOutcome(task.corner, task.chip, task.network, states)


def _adapted_states(
    chip: Chip, on_array: ArrayNetwork, task: ChipTask, pool: Digits, test: Digits, plan: ChipPlan
) -> dict[str, list[float]]:
    states = {}
    start = np.full(on_array.image.n_codes, CODE_DEFAULT, np.uint8)
    for per_class, local, default in zip(plan.labels_per_class, plan.local, plan.default, strict=True):
        labelled = few_labels(pool, per_class, np.random.default_rng([task.chip, per_class]))
        move_codes(chip, start)
        adapt_locally(chip, on_array, labelled, local, task.chip)
        states[state_name(LOCAL, per_class)] = judged(chip, on_array, test, plan.presentations)
        move_codes(chip, start)
        adapt_by_default(chip, on_array, labelled, default)
        states[state_name(DEFAULT_RULE, per_class)] = judged(chip, on_array, test, plan.presentations)
    return states


def values_of(outcomes: Sequence[ChipOutcome], state: str, place: int) -> list[float]:
    """Entry `place` (0..3) of `state` of every chip of the corner `typical`."""
    return [each.states[state][place] for each in outcomes if each.corner == TYPICAL]
