"""Results page: tables of experiments as Markdown, rendered from their result files alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nt_host.experiment.cell import Cell
from nt_host.experiment.result import MEASURES, Row, read_result, rows

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


def _section(plan: dict[str, Any], cells: Sequence[Cell]) -> str:
    settings = plan["settings"]
    options = ", ".join(f"{name} = {value}" for name, value in settings["rule_options"].items())
    sizes = "-".join(str(size) for size in plan["train"]["hidden"])
    refit = " in a trial, then a refit with all of them" if settings["refit"] else ""
    told = (
        f"Rule `{settings['rule']}`{f' ({options})' if options else ''}, {settings['loop']} loop, "
        f"{settings['steps']} steps of {settings['batch_size']} samples per round, "
        f"{settings['held_out']:.0%} of the labels held out{refit}; hidden layers {sizes}, "
        f"{plan['train']['population']} output neurons per class; corner `{plan['corner']}`; "
        f"mean ± standard deviation over seeds {', '.join(str(seed) for seed in plan['seeds'])}, "
        "per cent of the test samples."
    )
    lines = ["| " + " | ".join(row_cells(row)) + " |" for row in rows(cells)]
    command = f"Made by `nt-host experiment {plan['name']} --out FOLDER`."
    return "\n".join([f"## {plan['name']}", "", command, told, "", HEAD, *lines, ""])


def results_page(paths: Sequence[Path]) -> str:
    """Markdown of the result files at `paths`; raises as `read_result`."""
    return "\n".join([BANNER, "", "# Results", "", *(_section(*read_result(path)) for path in paths)])
