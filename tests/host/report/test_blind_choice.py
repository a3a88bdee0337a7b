"""The blind choice: made on batches 2 and 3, whatever batches 4 to 6 say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nt_host.experiment.cell import Cell
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import plan_named
from nt_host.readout import Accuracy
from nt_host.report.blind_choice import DEVELOPMENT, REPORTED, Result, candidates, choice_table


def result(plan: Plan, early: float, late: float, batches: tuple[str, ...] = (*DEVELOPMENT, *REPORTED)) -> Result:
    scores = {name: early if name in DEVELOPMENT else late for name in batches}
    seen = {name: Accuracy(score, score, 0.0, 100) for name, score in scores.items()}
    cells = [Cell(name, seed, seen[name], seen[name], 6, 0, 0, 0, 0.0) for name in batches for seed in plan.seeds]
    table: dict[str, Any] = plan.table()
    return table, cells


def test_the_winner_is_chosen_on_batches_2_and_3_alone() -> None:
    good_early, good_late = result(plan_named("enose"), 0.9, 0.5), result(plan_named("enose-made"), 0.8, 0.99)
    lines = choice_table(candidates([good_early, good_late], 8))
    (winner,) = [line for line in lines if "**" in line]
    assert "**enose**" in winner
    assert "50.0" in winner
    (best,) = [line for line in lines if line.endswith("| yes |")]
    assert "enose-made" in best


def test_the_score_of_later_batches_changes_no_winner() -> None:
    def chosen(late: float) -> list[str]:
        found = [result(plan_named("enose3"), 0.9, late), result(plan_named("enose3-made"), 0.91, 1 - late)]
        return [line.split("|")[2] for line in choice_table(candidates(found, 8)) if "**" in line]

    assert chosen(0.1) == chosen(0.9) == [" **enose3-made** "]


def test_groups_keep_apart_what_cannot_be_compared() -> None:
    semi = plan_named("enose3-semi")
    teacher = replace(semi, settings=replace(semi.settings, rule="teacher"))
    plans = [plan_named("enose"), plan_named("enose3"), semi, teacher, plan_named("enose3-known")]
    found = candidates([result(plan, 0.9, 0.9) for plan in plans], 8)
    groups = [each.group[1] for each in found]
    assert len(set(groups)) == 4
    assert groups[0].startswith("8 per class")


def test_what_saw_the_test_lacks_a_batch_or_ran_few_seeds_is_no_candidate() -> None:
    few_seeds = replace(plan_named("enose"), seeds=(0, 1))
    others = [plan_named("enose-seen"), plan_named("enose-seq"), plan_named("digits"), few_seeds]
    found = candidates([result(plan, 0.9, 0.9) for plan in others], 8)
    found += candidates([result(plan_named("enose"), 0.9, 0.9, DEVELOPMENT)], 8)
    assert found == []
    assert choice_table(found) == []
