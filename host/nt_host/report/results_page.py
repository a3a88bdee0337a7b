"""Results page: tables of experiments as Markdown, rendered from their result files alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nt_host.adapt.settings import AdaptSettings
from nt_host.experiment.cell import Cell
from nt_host.experiment.linear_baseline import LINEAR_RULES
from nt_host.experiment.plans import PLANS, own_rule
from nt_host.experiment.result import ALL_DOMAINS, MEASURES, WORST_DOMAIN, Row, read_result, rows
from nt_host.experiment.stream_result import StreamResult, is_stream, read_stream, stream_cells
from nt_host.report.blind_choice import Result, candidates, choice_table
from nt_host.report.rules_table import Figures, rules_table
from nt_host.rules.tft import DIGITAL_RULE
from nt_host.spread import in_percent
from nt_host.tasks.enose import LABELS_PER_CLASS
from nt_host.tasks.split import APART, TEST_TOO
from nt_host.teacher.linear_teacher import DRIFT, POOLED, TEACHER_RULE

OFF_CHIP = (DIGITAL_RULE, TEACHER_RULE, *LINEAR_RULES)
BANNER = "<!-- Rendered by `nt-host report`; do not edit. -->"
HEAD = (
    "| domain | argmax before | argmax after | strict before | strict after | labels | code bytes | wire bytes |\n"
    "|---|---|---|---|---|---|---|---|"
)

SUMMARY_TEXT = (
    "All experiments at a glance: mean over domains and the worst domain, per cent of the test samples; held out: "
    "share of the labels that a trial keeps for itself. Rules `tft`, `lr`, `lda` and `teacher` change weights in float "
    "and run on no chip. `-semi`: a teacher on the host labels samples that are not tested on; `-seen`: those that are "
    "tested on as well; `-made`: samples that it makes up of the labelled ones; `-drift`: as `-semi`, with a voter "
    "that models drift; `-known`: as `-semi`, with labels of earlier batches remembered; `-pooled`: as `-semi`, by a "
    "discriminant of source and labels; `-pooled-made`: by that one, as `-made`; `-blind`: neurons that count, their "
    "numbers chosen on batches 1 to 3; `-switches` of the e-nose: labels alone, widened by the source "
    "(docs/learning.md)."
)
SUMMARY_HEAD = (
    "| experiment | rule | seeds | held out | argmax before | argmax after | worst domain after | strict after |\n"
    "|---|---|---|---|---|---|---|---|"
)


def row_cells(row: Row) -> list[str]:
    """The cells of a row as text: domain, two argmax, two strict, labels, bytes of codes and on the wire."""
    order = (MEASURES[0], MEASURES[1], MEASURES[2], MEASURES[3])
    counts = [f"{value:,.0f}" for value in (row.labels, row.code_bytes, row.wire_bytes)]
    return [row.domain, *(in_percent(row.values[name]) for name in order), *counts]


def _spread_text(plan: dict[str, Any]) -> str:
    seeds = ", ".join(str(seed) for seed in plan["seeds"])
    return (
        f"{_layers_text(plan)}{_networks_text(plan)}; "
        f"mean ± standard deviation over seeds {seeds}, per cent of the test samples."
    )


def _layers_text(plan: dict[str, Any]) -> str:
    train, switches = plan["train"], plan.get("switches")
    if "axes" in train:
        return f"one layer of neurons that count over {train['time_steps']} time steps (`nt_host.pretrain.graded`)"
    if switches and plan["settings"]["rule"] != DIGITAL_RULE:
        if switches.get("levels"):
            return (
                f"one hidden layer of {switches['levels']} neurons on each principal axis "
                f"(`nt_host.pretrain.thermometer`), {switches['per_class']} switches per class"
            )
        beside = f" beside {switches['random']} random neurons" if switches.get("random") else ""
        return f"first hidden layer of {train['hidden'][0]} alone{beside}, {switches['per_class']} switches per class"
    sizes = "-".join(str(size) for size in train["hidden"])
    return f"hidden layers {sizes}, {train['population']} output neurons per class"


def _networks_text(plan: dict[str, Any]) -> str:
    """Says so where seeds share a network: the spread is then one of chips and label draws more than of networks."""
    networks = plan.get("networks", 0)
    used = len({seed % networks for seed in plan["seeds"]}) if networks else len(plan["seeds"])
    if used == len(plan["seeds"]):
        return ""
    return ", one network for all seeds" if used == 1 else f", {used} networks for {len(plan['seeds'])} seeds"


VOTERS_NAMES = {
    "lr": "logistic regression on source and labels",
    "lda": "discriminant on the labels",
    DRIFT: "drift model of the source's classes",
    POOLED: "pooled discriminant of source and labels",
}
SEEN_TEXT = {
    APART: "samples without labels that are not tested on",
    TEST_TOO: "all samples without labels, those tested on included",
}


def _teacher_text(plan: dict[str, Any]) -> str:
    """Where a teacher answers: who begins, and for which samples; empty elsewhere."""
    if not plan.get("voters"):
        return ""
    *first, last = (VOTERS_NAMES[voter] for voter in plan["voters"])
    votes = f"{', '.join(first)} and {last}" if first else last
    votes += ", which knows the labels of earlier domains" if plan.get("remembers") else ""
    samples = [SEEN_TEXT[plan["unlabelled"]]] if plan["unlabelled"] else []
    moves = plan.get("moves", 1)
    moved = f" (each moved {moves} times)" if moves > 1 else ""
    samples += [f"{plan['made_up']} samples made up of labelled ones{moved}"] if plan["made_up"] else []
    samples += [f"{plan['imagined']} samples drawn from its own Gaussians"] if plan.get("imagined") else []
    return f"a teacher on the host ({votes}) answers for {' and '.join(samples)}"


def _teacher_setup(plan: dict[str, Any]) -> str:
    seeds = ", ".join(str(seed) for seed in plan["seeds"])
    return (
        f"No chip: {_teacher_text(plan)}; before: its first vote; mean ± standard deviation over seeds {seeds}, "
        "per cent of the test samples."
    )


def _digital_setup(plan: dict[str, Any]) -> str:
    return f"All weights tuned in float with all labels, no chip: the digital upper bound; {_spread_text(plan)}"


LINEAR_SETUPS = {
    "lr": "Float logistic regression on the source and the labelled samples, those weighted 10; no chip",
    "lda": "Float linear discriminant with shrinkage on the labelled samples alone; no chip",
}


def _linear_setup(plan: dict[str, Any]) -> str:
    seeds = ", ".join(str(seed) for seed in plan["seeds"])
    return (
        f"{LINEAR_SETUPS[plan['settings']['rule']]}; before: fitted on the source alone; "
        f"mean ± standard deviation over seeds {seeds}, per cent of the test samples."
    )


def _chip_setup(plan: dict[str, Any]) -> str:
    settings = plan["settings"]
    options = ", ".join(f"{name} = {value}" for name, value in settings["rule_options"].items())
    refit = " in a trial, then a refit with all of them" if settings["refit"] else ""
    trial = f"{settings['held_out']:.0%} of the labels held out{refit}" if settings["held_out"] else "no trial"
    before = f"{plan['homeostasis']} rounds of homeostasis first, " if plan.get("homeostasis") else ""
    before += f"{_teacher_text(plan)}, " if plan.get("voters") else ""
    before += f"{plan['widened']} samples per class of the widened pool, " if plan.get("widened") else ""
    chained = "each domain from the last codes, " if plan.get("chained") else ""
    worlds = f", {plan['train']['worlds']} worlds" if plan["train"].get("worlds") else ""
    untrained = (plan.get("switches") or {}).get("levels")
    rom = "" if untrained else f"; ROM of {plan['train']['steps']} steps{worlds}"
    return (
        f"Rule `{settings['rule']}`{f' ({options})' if options else ''}, {settings['loop']} loop, "
        f"{before}{chained}{settings['steps']} steps of {settings['batch_size']} samples per round, "
        f"{trial}; corner `{plan['corner']}`; {_spread_text(plan)[:-1]}{rom}."
    )


def _setup(plan: dict[str, Any]) -> str:
    rule = plan["settings"]["rule"]
    if rule in LINEAR_RULES:
        return _linear_setup(plan)
    if rule == TEACHER_RULE:
        return _teacher_setup(plan)
    return _digital_setup(plan) if rule == DIGITAL_RULE else _chip_setup(plan)


def _stream_section(result: StreamResult) -> str:
    settings = result.settings
    seeds = ", ".join(str(seed) for seed in result.seeds)
    told = (
        f"Task {result.task}: every sample is predicted first; for {settings.label_share:.0%} of them the label "
        f"follows. The latest {settings.memory_per_class} labelled samples per class are kept; after each label "
        f"{settings.steps_per_label} steps of {settings.batch_size} samples. Right before the label was told, "
        f"mean ± standard deviation over seeds {seeds}, per cent."
    )
    head = "| domain | codes (`dmn`) | the same chip, frozen | all weights in float (`tft`) |\n|---|---|---|---|"
    lines = ["| " + " | ".join(cells) + " |" for cells in stream_cells(result.rows())]
    picture = "![Prequential accuracy](img/stream.png)"
    return "\n".join(
        ["## stream", "", "Made by `nt-host experiment stream --out FOLDER`.", told, "", head, *lines, "", picture, ""]
    )


def _flags(plan: dict[str, Any]) -> list[str]:
    """Options that make `plan` out of the named experiment as it stands today."""
    settings, flags = plan["settings"], []
    usual = PLANS.get(plan["name"])
    if settings["rule"] != own_rule(plan["name"]):
        flags.append(f"--rule {settings['rule']}")
    if usual is None:
        return flags
    if settings["rule"] not in OFF_CHIP:
        named = (("held_out", "--held-out"), ("batch_size", "--batch-size"), ("steps", "--steps"))
        flags += [f"{flag} {settings[name]}" for name, flag in named if settings[name] != getattr(usual.settings, name)]
    if tuple(plan["seeds"]) != usual.seeds:
        flags += [f"--seed {seed}" for seed in plan["seeds"]]
    return flags


def _section(plan: dict[str, Any], cells: Sequence[Cell]) -> str:
    settings = plan["settings"]
    told = _setup(plan)
    lines = ["| " + " | ".join(row_cells(row)) + " |" for row in rows(cells)]
    rule = "" if settings["rule"] == AdaptSettings.rule else settings["rule"]
    command = f"Made by `nt-host experiment {' '.join([plan['name'], *_flags(plan)])} --out FOLDER`."
    heading = f"## {plan['name']}{f', rule `{rule}`' if rule else ''}"
    return "\n".join([heading, "", command, told, "", HEAD, *lines, ""])


def results_page(paths: Sequence[Path]) -> str:
    """Markdown of the result files at `paths`, by name, as a shell's order depends on its locale; raises as
    `read_result`."""
    named = sorted(paths)
    return "\n".join([BANNER, "", "# Results", "", *_summary(named), *(_page_part(path) for path in named)])


def _summary(paths: Sequence[Path]) -> list[str]:
    """One line per experiment and rule: what to compare at a glance."""
    lines = []
    measured: dict[tuple[str, str], Figures] = {}
    results = []
    for path in paths:
        if is_stream(path):
            continue
        plan, cells = read_result(path)
        results.append((plan, cells))
        found = rows(cells)
        of = {row.domain: row for row in found}
        # An experiment with a single domain has no mean over domains: it is its own.
        mean = of.get(ALL_DOMAINS, found[0]).values
        worst = of.get(WORST_DOMAIN, found[0]).values
        settings = plan["settings"]
        measured[plan["name"], settings["rule"]] = (mean["after_argmax"][0], worst["after_argmax"][0])
        on_chip = settings["rule"] not in OFF_CHIP
        trial = f"{settings['held_out']:.0%}" if on_chip else "-"
        shown = [mean["before_argmax"], mean["after_argmax"], worst["after_argmax"], mean["after_strict"]]
        figures = " | ".join(in_percent(value) for value in shown)
        lines.append(f"| {plan['name']} | `{settings['rule']}` | {len(plan['seeds'])} | {trial} | {figures} |")
    return [SUMMARY_TEXT, "", SUMMARY_HEAD, *lines, "", *rules_table(measured), *_choices(results)] if lines else []


def _choices(results: Sequence[Result]) -> list[str]:
    return choice_table(candidates(results, LABELS_PER_CLASS))


def _page_part(path: Path) -> str:
    return _stream_section(read_stream(path)) if is_stream(path) else _section(*read_result(path))
