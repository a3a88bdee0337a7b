"""Results page: tables of experiments as Markdown, rendered from their result files alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nt_host.adapt.settings import AdaptSettings
from nt_host.experiment.cell import Cell
from nt_host.experiment.result import MEASURES, Row, read_result, rows
from nt_host.rules.tft import DIGITAL_RULE

BANNER = "<!-- Rendered by `nt-host report`; do not edit. -->"
HEAD = (
    "| domain | argmax before | argmax after | strict before | strict after | labels | code bytes | wire bytes |\n"
    "|---|---|---|---|---|---|---|---|"
)


def mean_and_spread(value: tuple[float, float]) -> str:
    """'93.1 +- 0.4' in per cent, with the sign of plus and minus."""
    return f"{100 * value[0]:.1f} ± {100 * value[1]:.1f}"


def row_cells(row: Row) -> list[str]:
    """The cells of a row as text: domain, two argmax, two strict, labels, bytes of codes and on the wire."""
    order = (MEASURES[0], MEASURES[1], MEASURES[2], MEASURES[3])
    counts = [f"{value:,.0f}" for value in (row.labels, row.code_bytes, row.wire_bytes)]
    return [row.domain, *(mean_and_spread(row.values[name]) for name in order), *counts]


def _spread_text(plan: dict[str, Any]) -> str:
    sizes = "-".join(str(size) for size in plan["train"]["hidden"])
    seeds = ", ".join(str(seed) for seed in plan["seeds"])
    return (
        f"hidden layers {sizes}, {plan['train']['population']} output neurons per class{_networks_text(plan)}; "
        f"mean ± standard deviation over seeds {seeds}, per cent of the test samples."
    )


def _networks_text(plan: dict[str, Any]) -> str:
    """Says so where seeds share a network: the spread is then one of chips and label draws more than of networks."""
    networks = plan.get("networks", 0)
    used = len({seed % networks for seed in plan["seeds"]}) if networks else len(plan["seeds"])
    if used == len(plan["seeds"]):
        return ""
    return ", one network for all seeds" if used == 1 else f", {used} networks for {len(plan['seeds'])} seeds"


def _digital_setup(plan: dict[str, Any]) -> str:
    return f"All weights tuned in float with all labels, no chip: the digital upper bound; {_spread_text(plan)}"


def _chip_setup(plan: dict[str, Any]) -> str:
    settings = plan["settings"]
    options = ", ".join(f"{name} = {value}" for name, value in settings["rule_options"].items())
    refit = " in a trial, then a refit with all of them" if settings["refit"] else ""
    return (
        f"Rule `{settings['rule']}`{f' ({options})' if options else ''}, {settings['loop']} loop, "
        f"{settings['steps']} steps of {settings['batch_size']} samples per round, "
        f"{settings['held_out']:.0%} of the labels held out{refit}; corner `{plan['corner']}`; {_spread_text(plan)}"
    )


def _section(plan: dict[str, Any], cells: Sequence[Cell]) -> str:
    settings = plan["settings"]
    told = _digital_setup(plan) if settings["rule"] == DIGITAL_RULE else _chip_setup(plan)
    lines = ["| " + " | ".join(row_cells(row)) + " |" for row in rows(cells)]
    rule = "" if settings["rule"] == AdaptSettings.rule else settings["rule"]
    chosen = f" --rule {rule}" if rule else ""
    command = f"Made by `nt-host experiment {plan['name']}{chosen} --out FOLDER`."
    heading = f"## {plan['name']}{f', rule `{rule}`' if rule else ''}"
    return "\n".join([heading, "", command, told, "", HEAD, *lines, ""])


def results_page(paths: Sequence[Path]) -> str:
    """Markdown of the result files at `paths`; raises as `read_result`."""
    return "\n".join([BANNER, "", "# Results", "", *(_section(*read_result(path)) for path in paths)])
