"""Tables and checks of the study `eqprop`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nt_host.spread import percent_over
from nt_host.study.result import Check, StudyTable
from nt_host.systems.eqprop.chips import DEFAULT_RULE, IDEAL, LOCAL, ChipOutcome, ChipPlan, state_name, values_of
from nt_host.systems.eqprop.judge import Learned

PUBLISHED = 0.976
FIRST, LAST = 0, 2
PLACES = 2


def eqprop_checks(learned: Sequence[Learned], outcomes: Sequence[ChipOutcome], plan: ChipPlan) -> tuple[Check, ...]:
    """The published accuracy, and that the local rule gains on every chip."""
    mean = float(np.mean([each.spiking for each in learned]))
    checks = [
        Check(
            "accuracy of the spiking network with 4-bit weights on the MNIST test, mean of the networks",
            f">= {100 * PUBLISHED:.1f} %",
            f"{100 * mean:.2f} %",
            mean >= PUBLISHED,
        )
    ]
    before = values_of(outcomes, "tilted", LAST)
    for per_class in plan.labels_per_class:
        after = values_of(outcomes, state_name(LOCAL, per_class), LAST)
        gains = [100 * (now - then) for now, then in zip(after, before, strict=True)]
        checks.append(
            Check(
                f"argmax gained by the local rule with {10 * per_class} labels",
                "> 0 points on every chip",
                f"{min(gains):.1f} to {max(gains):.1f} points",
                min(gains) > 0,
            )
        )
    return tuple(checks)


def _network_table(learned: Sequence[Learned]) -> StudyTable:
    kinds = (
        ("input, hidden and output neurons spike", [each.spiking for each in learned]),
        ("hidden and output neurons spike, input a constant current", [each.constant_input for each in learned]),
        ("the same weights, graded activities, no spikes", [each.graded for each in learned]),
    )
    rows = tuple(
        (name, percent_over(values, PLACES), ", ".join(f"{100 * value:.2f}" for value in values))
        for name, values in kinds
    )
    return StudyTable(
        "Accuracy on the MNIST test (%), the network off-chip, weights of 4 bits",
        ("free phase", "mean ± standard deviation", "networks"),
        (*rows, ("published: EqSpike (Martin et al. 2021)", f"{100 * PUBLISHED:.1f}", "")),
    )


def _both_corners(outcomes: Sequence[ChipOutcome], state: str, place: int) -> str:
    ideal = next(each.states[state][place] for each in outcomes if each.corner == IDEAL)
    return f"{percent_over(values_of(outcomes, state, place), PLACES)} / {100 * ideal:.2f}"


def _array_table(outcomes: Sequence[ChipOutcome]) -> StudyTable:
    places = (("first presentation (feed-forward)", FIRST), ("last presentation (settled)", LAST))
    rows = tuple(
        (state, name, *(_both_corners(outcomes, state, place + strict) for strict in (0, 1)))
        for state in ("upright", "tilted")
        for name, place in places
    )
    return StudyTable(
        "The network of the first seed on the array, codes untouched: `typical` chips / ideal chip (%)",
        ("test", "read from", "argmax", "strict"),
        rows,
    )


def _rule_table(outcomes: Sequence[ChipOutcome], plan: ChipPlan) -> StudyTable:
    states = [("no adaptation", "tilted")]
    for per_class in plan.labels_per_class:
        for rule, told in ((LOCAL, "gain-only equilibrium propagation (local)"), (DEFAULT_RULE, "`dmn`")):
            states.append((f"{told}, {10 * per_class} labels", state_name(rule, per_class)))
    rows = tuple(
        (
            name,
            *(percent_over(values_of(outcomes, state, place), PLACES) for place in (LAST, FIRST, LAST + 1)),
        )
        for name, state in states
    )
    return StudyTable(
        f"Tilted by {plan.degrees:g} degrees (%), mean ± standard deviation of the `typical` chips",
        ("codes", "argmax, settled", "argmax, first presentation", "strict, settled"),
        rows,
    )


def eqprop_tables(
    learned: Sequence[Learned], outcomes: Sequence[ChipOutcome], plan: ChipPlan
) -> tuple[StudyTable, ...]:
    """The network off-chip, on the array, and its adaptation."""
    return (_network_table(learned), _array_table(outcomes), _rule_table(outcomes, plan))


def _points_apart(points: float) -> str:
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'}"


def eqprop_finding(outcomes: Sequence[ChipOutcome], plan: ChipPlan) -> str:
    """How the local rule stands to `dmn`, in a sentence for each number of labels."""
    told = []
    for per_class in plan.labels_per_class:
        apart = []
        for measure, place in (("argmax", LAST), ("strict", LAST + 1)):
            local, default = (
                float(np.mean(values_of(outcomes, state_name(rule, per_class), place)))
                for rule in (LOCAL, DEFAULT_RULE)
            )
            apart.append(f"{_points_apart(100 * (local - default))} it in {measure}")
        told.append(f"With {10 * per_class} labels the local rule ends, beside `dmn`, {' and '.join(apart)} (settled).")
    return " ".join(told)
