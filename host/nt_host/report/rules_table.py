"""Table of rules against experiments: what each rule makes of the same task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nt_host.experiment.linear_baseline import LINEAR_RULES
from nt_host.rules import entries
from nt_host.rules.tft import DIGITAL_RULE
from nt_host.teacher.linear_teacher import TEACHER_RULE

TEXT = (
    "Rules side by side: argmax after adaptation, mean over domains, per cent; in brackets the worst domain; - was not "
    "run. Rules of the chip first, then what may change weights in float. Settings and seeds of each figure stand in "
    "its section below. `ballot`, `discriminant` and `scores` judge classes and not neurons: they are made for "
    "networks of switches and of neurons that count (`-graded`), the others for the rest. `lr` and `lda` know no "
    "network; a `teacher` is part of an experiment or not."
)
FIRST = "dmn"

Figures = tuple[float, float]
"""Mean over domains and the worst domain, shares 0..1."""


def _rules() -> list[str]:
    on_chip = [entry.name for entry in entries()]
    return [FIRST, *(name for name in on_chip if name != FIRST), DIGITAL_RULE, TEACHER_RULE, *LINEAR_RULES]


def rules_table(measured: Mapping[tuple[str, str], Figures]) -> list[str]:
    """Lines of Markdown for figures by (experiment, rule); only experiments that two or more rules were run on.

    Empty where there is none.
    """
    names = list(dict.fromkeys(name for name, _ in measured))
    compared = [name for name in names if sum(key[0] == name for key in measured) > 1]
    if not compared:
        return []
    ruled = [rule for rule in _rules() if any((name, rule) in measured for name in compared)]
    head = ["experiment", *(f"`{rule}`" for rule in ruled)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name in compared:
        lines.append("| " + " | ".join([name, *_cells(measured, name, ruled)]) + " |")
    return [TEXT, "", *lines, ""]


def _cells(measured: Mapping[tuple[str, str], Figures], name: str, ruled: Sequence[str]) -> list[str]:
    found = [measured.get((name, rule)) for rule in ruled]
    return ["-" if each is None else f"{100 * each[0]:.1f} ({100 * each[1]:.1f})" for each in found]
