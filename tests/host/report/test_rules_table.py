"""Rules side by side: every figure in its own place, and no experiment that has nothing to compare."""

from __future__ import annotations

from nt_host.report.rules_table import rules_table


def test_figures_stand_under_their_rule() -> None:
    measured = {("digits", "dmn"): (0.948, 0.92), ("digits", "tft"): (0.9, 0.85), ("emg", "dmn"): (0.957, 0.86)}
    lines = rules_table(measured)
    head = [cell.strip() for cell in lines[2].split("|")]
    row = [cell.strip() for cell in lines[4].split("|")]
    assert row[1] == "digits"
    assert row[head.index("`dmn`")] == "94.8 (92.0)"
    assert row[head.index("`tft`")] == "90.0 (85.0)"
    assert len(lines) == 6, "emg was run with one rule alone"


def test_what_was_not_run_is_left_open() -> None:
    measured = {(name, "dmn"): (0.5, 0.5) for name in ("a", "b")} | {("a", "tft"): (0.6, 0.6), ("b", "lda"): (0.7, 0.7)}
    lines = rules_table(measured)
    assert lines[4].count(" - ") == 1
    assert lines[5].count(" - ") == 1


def test_nothing_to_compare_gives_no_table() -> None:
    assert rules_table({("digits", "dmn"): (0.9, 0.9)}) == []
