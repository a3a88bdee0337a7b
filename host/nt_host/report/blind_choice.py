"""Blind choice on the e-nose: what batches 2 and 3 would have chosen, and what it reaches on batches 4 to 6.

Most of what was compared on the e-nose was seen on all five later batches, so that the best mean of them is too good by
what chance adds. Here the choice is mechanical: a lab that has had the nose for ten months knows batches 2 and 3, takes
the candidate with the best mean of these two, and lives with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nt_host.experiment.cell import Cell
from nt_host.experiment.linear_baseline import LINEAR_RULES
from nt_host.experiment.plans import own_rule
from nt_host.rules.tft import DIGITAL_RULE
from nt_host.tasks.split import TEST_TOO
from nt_host.teacher.linear_teacher import TEACHER_RULE

TASK = "enose"
DEVELOPMENT = ("batch2", "batch3")
REPORTED = ("batch4", "batch5", "batch6")
FEWEST_SEEDS = 5
TEXT = (
    "A blind choice on the e-nose: candidates are compared on batches 2 and 3 alone, the winner of each group (bold) "
    "is reported on batches 4 to 6. Argmax after adaptation in per cent, all rows of seeds 0 to 4 but chains and those "
    "that see the tested samples; known: labels of earlier batches are remembered on the host. Best afterwards: the "
    "candidate that batches 4 to 6 themselves would have named."
)
HEAD = (
    "| group | candidate | batches 2 and 3 | batches 4 to 6 | all five | best afterwards |\n|---|---|---|---|---|---|"
)

Result = tuple[dict[str, Any], Sequence[Cell]]


@dataclass(frozen=True)
class Candidate:
    """Mean argmax, shares 0..1, of one experiment over seeds and batches."""

    group: tuple[int, str]
    name: str
    development: float
    reported: float
    every: float


def _group(plan: dict[str, Any], labels: int) -> tuple[int, str]:
    where = "teacher alone" if plan["settings"]["rule"] == TEACHER_RULE else "on the chip"
    known = ", known" if plan.get("remembers") else ""
    return -labels, f"{labels} per class, {where}{known}"


def _is_candidate(plan: dict[str, Any]) -> bool:
    off_chip = plan["settings"]["rule"] in (DIGITAL_RULE, *LINEAR_RULES)
    other = plan["task"] != TASK or plan.get("chained") or plan.get("unlabelled") == TEST_TOO
    return not other and not off_chip and len(plan["seeds"]) >= FEWEST_SEEDS


def _mean(cells: Sequence[Cell], domains: Sequence[str]) -> float:
    drawn = [cell for cell in cells if cell.seed < FEWEST_SEEDS]
    return float(np.mean([np.mean([c.after.argmax for c in drawn if c.domain == name]) for name in domains]))


def candidates(results: Sequence[Result], usual_labels: int) -> list[Candidate]:
    """The candidates among `results` that hold every batch, in the order of their groups; plans without a number of
    labels have `usual_labels`."""
    found = []
    for plan, cells in results:
        if not _is_candidate(plan) or not {*DEVELOPMENT, *REPORTED} <= {cell.domain for cell in cells}:
            continue
        rule = plan["settings"]["rule"]
        name = plan["name"] if rule in (own_rule(plan["name"]), TEACHER_RULE) else f"{plan['name']}, `{rule}`"
        means = (_mean(cells, names) for names in (DEVELOPMENT, REPORTED, (*DEVELOPMENT, *REPORTED)))
        found.append(Candidate(_group(plan, plan["labels_per_class"] or usual_labels), name, *means))
    return sorted(found, key=lambda each: each.group)


def choice_table(found: Sequence[Candidate]) -> list[str]:
    """Lines of Markdown; empty where no group has two candidates."""
    lines = []
    for group in dict.fromkeys(each.group for each in found):
        mine = [each for each in found if each.group == group]
        if len(mine) < 2:
            continue
        winner, best = (max(mine, key=key) for key in (lambda c: c.development, lambda c: c.reported))
        for each in mine:
            figures = [f"{100 * value:.1f}" for value in (each.development, each.reported, each.every)]
            shown = [group[1], each.name, *figures]
            if each is winner:
                shown = [f"**{text}**" for text in shown]
            lines.append("| " + " | ".join([*shown, "yes" if each is best else ""]) + " |")
    return [TEXT, "", HEAD, *lines, ""] if lines else []
