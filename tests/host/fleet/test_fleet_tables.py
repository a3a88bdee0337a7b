"""Tables over many chips, and their place in a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nt_host.fleet.chip import (
    ADAPTED,
    BOTH,
    CALIBRATED,
    CALIBRATED_LOADED,
    LOADED,
    UNTOUCHED,
    ChipOutcome,
)
from nt_host.fleet.mismatch import STATES, MismatchPlan, mismatch_table
from nt_host.fleet.montecarlo import MonteCarloPlan, montecarlo_table, yield_and_interval
from nt_host.fleet.transfer import LEARNER_STATES, RECEIVER_STATES, TransferPlan, transfer_table
from nt_host.report.chips_page import SECTION, chips_section
from nt_host.report.yield_curve import write_yield_curve
from nt_model.errors import UsageError


def outcome(setup: str, corner: str, seed: int, **strict: float) -> ChipOutcome:
    tables = {
        state.replace("_", " "): {"argmax": value, "strict": value, "margin": 0.0, "n": 100}
        for state, value in strict.items()
    }
    return ChipOutcome(setup, corner, seed, tables, 10, 9)


def states(names: tuple[str, ...], *values: float) -> dict[str, float]:
    return dict(zip((name.replace(" ", "_") for name in names), values, strict=True))


def mismatch_result() -> dict[str, object]:
    chips = [
        outcome("digits-s0", "ideal", 0, untouched=0.9),
        outcome("digits-s1", "ideal", 0, untouched=0.8),
        outcome("digits-s0", "30 %", 0, **states(STATES, 0.8, 0.9, 0.85, 0.9)),
        outcome("digits-s1", "30 %", 1000, **states(STATES, 0.7, 0.79, 0.75, 0.8)),
    ]
    return mismatch_table(MismatchPlan(tasks=("digits",)), chips)


def test_loss_is_against_the_same_network_on_the_ideal_chip() -> None:
    (row,) = mismatch_result()["rows"]  # type: ignore[misc]
    assert (row["task"], row["corner"], row["chips"], row["calibrated_share"]) == ("digits", "30 %", 2, 0.9)
    assert row["strict"][f"loss {UNTOUCHED}"] == pytest.approx((0.1, 0.0))
    assert row["strict"][f"loss {CALIBRATED}"][0] == pytest.approx(0.005)
    assert row["strict"][BOTH][0] == pytest.approx(0.85)


def test_kept_is_the_mean_gain_of_the_receivers_over_that_of_the_learner() -> None:
    learner = outcome("digits camera", "wild", 7, **states(LEARNER_STATES, 0.5, 0.9, 0.6, 0.8))
    name = "digits camera, codes of chip 7"
    receivers = [
        outcome(name, "wild", seed, **states(RECEIVER_STATES, 0.5, 0.6, 0.6, value))
        for seed, value in ((0, 0.8), (1, 0.78))
    ]
    (row,) = transfer_table(TransferPlan(), [learner], receivers)["rows"]
    assert row["strict"]["kept"][LOADED] == pytest.approx(0.25)
    assert row["strict"]["kept"][CALIBRATED_LOADED] == pytest.approx(0.95)
    without_gain = outcome("digits camera", "wild", 7, **states(LEARNER_STATES, 0.5, 0.5, 0.6, 0.8))
    (row,) = transfer_table(TransferPlan(), [without_gain], receivers)["rows"]
    assert row["strict"]["kept"][LOADED] is None
    assert ADAPTED in row["strict"]["learner"]


def test_yield_counts_chips_that_reach_it_and_its_interval_holds_it() -> None:
    share, low, high = yield_and_interval([0.9, 0.95, 0.95, 1.0], 0.95)
    assert share == 0.75
    assert 0 <= low < share < high <= 1
    assert yield_and_interval([0.9] * 1000, 0.9)[1] > 0.995
    assert yield_and_interval([0.1 + 0.2], 0.3)[0] == 1.0


def test_the_page_gets_its_section_once_and_keeps_the_rest(tmp_path: Path) -> None:
    plan = MonteCarloPlan(chips=2, calibrate=True)
    ideal = outcome("chip", "ideal", 0, untouched=0.9)
    chips = [outcome("chip", "typical", seed, **{state: 0.8 + 0.05 * seed}) for state in plan.states for seed in (1, 0)]
    yields = montecarlo_table(plan, "d", ideal, chips)
    assert yields["accuracies"][UNTOUCHED]["strict"] == pytest.approx([0.8, 0.85]), "in the order of the seeds"
    write_yield_curve(tmp_path / "yield.png", yields)
    assert (tmp_path / "yield.png").stat().st_size > 10_000
    paths = []
    for number, table in enumerate((yields, mismatch_result())):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(json.dumps(table))
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\nBefore.\n\n{SECTION.begin}\n{SECTION.end}\n")
    SECTION.replace_in(page, chips_section(paths))
    page.write_text(page.read_text() + "After.\n")
    once = page.read_text()
    SECTION.replace_in(page, chips_section(paths))
    assert page.read_text() == once
    assert once.startswith("# Page\n\nBefore.\n")
    assert once.endswith("After.\n")
    assert once.count(SECTION.begin) == 1
    assert "| digits, 30 % | 2 | strict | 85.0 |" in once
    paths[0].write_text("{}")
    with pytest.raises(UsageError, match="no result over many chips"):
        chips_section(paths)
