"""Measured figures over many chips as Markdown, rendered from their result files into docs/calibration.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nt_host.fleet import mismatch, montecarlo, transfer
from nt_host.fleet.chip import ADAPTED, BOTH, CALIBRATED, CALIBRATED_LOADED, LOADED, UNTOUCHED
from nt_host.report.section import Section
from nt_host.spread import in_percent
from nt_model.errors import UsageError

SECTION = Section("many chips")
BENCH_SCHEMA = "nt-bench-calibration/1"
MISMATCH_HEAD = (
    "task, spread",
    "chips",
    "measure",
    "ideal",
    "untouched",
    "calibrated",
    "adapted",
    "both",
    "loss calibrated",
)
TRANSFER_HEAD = (
    "domain",
    "chips",
    "measure",
    "learner before",
    "after",
    "receivers before",
    "loaded",
    "kept",
    "calibrated: learner",
    "after",
    "receivers before",
    "loaded",
    "kept",
)

BENCH_PROSE = """
Made by `make bench-calibration`: chips of the packaged digits image (848 neurons), calibrated through the wire with
the default options and the corner's temporal noise; then, and only here, held against the devices that were drawn.
Gain and threshold are input-referred, since spikes show no more (gain over threshold); sigma is of the logarithm,
without the 5 % farthest from the median, over the calibrated neurons: of the gain over nominal codes 64 to 192
together, of the threshold (smallest drive that fires) at code 128. The residual is the error of the gain in steps of
the DAC, 95th percentile over calibrated neurons and codes 64 to 192, the rounding to whole codes included; *within
DAC bounds* leaves out codes whose corrected code meets 0 or 255. Median over the chips, worst chip in brackets. Line
time at 921,600 baud, both directions added, of the worst chip.
"""
MISMATCH_PROSE = """
Made by `nt-host experiment mismatch`: networks (hidden layers {sizes}) trained for the ideal chip, without any spread
in training, on half of a task's source and tested on the other half, so that nothing but mismatch differs; 1 %
temporal noise. Adapted with 20 labels per class, {steps} steps a round. Per cent; mean ± standard deviation over the
chips of {networks} networks per task; loss against the same network on the ideal chip, ± standard error.
"""
TRANSFER_PROSE = """
Made by `nt-host experiment transfer`: codes that one chip of corner `{corner}` learned for a drifted domain, loaded
on others of that corner, first on uncalibrated chips, then all of it on calibrated ones. *Kept*: mean gain of the
receivers over the gain of the learner. Per cent; ± over receivers.
"""


def _prose(text: str) -> str:
    return " ".join(text.split())


def mismatch_rows(table: Mapping[str, Any]) -> list[list[str]]:
    """Cells of a mismatch table, two rows (strict, argmax) per task and corner; per cent, ± over chips."""
    rows = []
    for row in table["rows"]:
        for measure in ("strict", "argmax"):
            found = row[measure]
            states = [in_percent(found[state]) for state in (UNTOUCHED, CALIBRATED, ADAPTED, BOTH)]
            loss, spread = found[f"loss {CALIBRATED}"]
            rows.append(
                [
                    f"{row['task']}, {row['corner']}",
                    str(row["chips"]),
                    measure,
                    f"{100 * found['ideal'][0]:.1f}",
                    *states,
                    f"{100 * loss:.2f} ± {100 * spread / max(1, row['chips']) ** 0.5:.2f}",
                ]
            )
    return rows


def _kept(share: float | None) -> str:
    return "no gain" if share is None else f"{100 * share:.0f}"


def transfer_rows(table: Mapping[str, Any]) -> list[list[str]]:
    """Cells of a transfer table, two rows (strict, argmax) per learner; per cent, ± over receivers."""
    rows = []
    for row in table["rows"]:
        for measure in ("strict", "argmax"):
            found = row[measure]
            cells = [row["domain"], str(row["receivers"]), measure]
            for before, after, loaded in ((UNTOUCHED, ADAPTED, LOADED), (CALIBRATED, BOTH, CALIBRATED_LOADED)):
                cells += [f"{100 * found['learner'][before]:.1f}", f"{100 * found['learner'][after]:.1f}"]
                cells += [in_percent(found["receivers"][before]), in_percent(found["receivers"][loaded])]
                cells.append(_kept(found["kept"][loaded]))
            rows.append(cells)
    return rows


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _bench_section(table: Mapping[str, Any]) -> str:
    head = (
        "corner",
        "chips",
        "gain sigma before",
        "gain, after / before",
        "threshold, after / before",
        "residual p95, codes",
        "the same within DAC bounds",
        "all codes, within bounds",
        "s per 1,000 neurons",
    )
    rows = [
        [
            row["corner"],
            str(row["chips"]),
            f"{row['gain_sigma_before']['median']:.3f}",
            *(f"{row[name]['median']:.3f} ({row[name]['worst']:.3f})" for name in ("gain_ratio", "threshold_ratio")),
            *(
                f"{row[name]['median']:.2f} ({row[name]['worst']:.2f})"
                for name in ("residual_p95", "reachable_p95", "all_reachable_p95")
            ),
            f"{row['wire_s_per_1000']['worst']:.1f}",
        ]
        for row in table["corners"]
    ]
    verdicts = list(dict.fromkeys(name for row in table["corners"] for name in row["verdicts"]))
    counted = [
        [
            row["corner"],
            f"{row['neurons']:,}",
            *(f"{100 * row['verdicts'].get(name, 0) / row['neurons']:.2f}" for name in verdicts),
            f"{row['faults']:,}",
            f"{row['missed_faults']:,}",
            f"{row['faults_called_good']:,}",
            f"{row['false_faults']:,}",
        ]
        for row in table["corners"]
    ]
    faults = ("truly dead or stuck", "of them called otherwise", "of them called good", "healthy called dead or stuck")
    return "\n".join(
        [
            "### Against the silicon",
            "",
            _prose(BENCH_PROSE),
            "",
            _markdown(head, rows),
            "",
            "Verdicts, per cent of the neurons, and how they fare against the truth:",
            "",
            _markdown(("corner", "neurons", *(name.lower().replace("_", " ") for name in verdicts), *faults), counted),
            "",
        ]
    )


def _mismatch_section(table: Mapping[str, Any]) -> str:
    train = table["plan"]["train"]
    sizes = "-".join(str(size) for size in train["hidden"])
    return "\n".join(
        [
            "### Accuracy under mismatch",
            "",
            _prose(MISMATCH_PROSE).format(
                sizes=sizes, steps=table["plan"]["settings"]["steps"], networks=len(table["plan"]["networks"])
            ),
            "",
            _markdown(MISMATCH_HEAD, mismatch_rows(table)),
            "",
        ]
    )


def _transfer_section(table: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            "### Learn once, deploy on many",
            "",
            _prose(TRANSFER_PROSE).format(corner=table["plan"]["corner"]),
            "",
            _markdown(TRANSFER_HEAD, transfer_rows(table)),
            "",
        ]
    )


def _yield_section(table: Mapping[str, Any]) -> str:
    plan, states = table["plan"], list(table["accuracies"])
    rows = [
        [
            row["measure"],
            f"{100 * row['required']:.1f} (ideal - {100 * row['below_ideal']:.1f})",
            *("{:.1f} ({:.1f} to {:.1f})".format(*(100 * share for share in row["yield"][state])) for state in states),
        ]
        for row in table["yields"]
    ]
    chips = ", ".join(f"{len(table['accuracies'][state]['strict']):,} {state}" for state in states)
    return "\n".join(
        [
            "### Yield",
            "",
            f"Made by `nt-host montecarlo --corner {plan['corner']} --chips {plan['chips']}"
            f"{' --calibrate' if plan['calibrate'] else ''} --out FOLDER`: the packaged digits image on "
            f"{table['samples']} clean digits, {chips}. Per cent of the chips that reach the accuracy (95 % interval).",
            "",
            "![Yield against the required accuracy](results/chips/yield.png)",
            "",
            _markdown(("measure", "required accuracy", *states), rows),
            "",
        ]
    )


SECTIONS = {
    BENCH_SCHEMA: _bench_section,
    mismatch.SCHEMA: _mismatch_section,
    transfer.SCHEMA: _transfer_section,
    montecarlo.SCHEMA: _yield_section,
}


def chips_section(paths: Sequence[Path]) -> str:
    """Markdown of the result files at `paths`, between markers.

    Raises:
        UsageError: a file is none of the known results.
    """
    by_schema = {}
    for path in paths:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table.get("schema") not in SECTIONS:
            raise UsageError("this is no result over many chips", evidence=str(path), next_step="remove it")
        by_schema[table["schema"]] = table
    parts = [SECTIONS[schema](by_schema[schema]) for schema in SECTIONS if schema in by_schema]
    return "\n".join(["", "## Measured over many chips", "", *parts])
