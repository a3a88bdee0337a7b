"""`nt-host experiment`: the named experiments and their tables; those on many chips are in `chip_experiment`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from nt_host.cli.adapt import rule_options
from nt_host.cli.chip_experiment import CHIP_EXPERIMENTS, refuse_options, run_chip_experiment
from nt_host.cli.montecarlo import worker_options
from nt_host.cli.options import FOLDER, json_option, option
from nt_host.cli.output import Output
from nt_host.cli.study import STUDIES, run_study
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import PLANS, plan_named, result_name
from nt_host.experiment.result import rows
from nt_host.experiment.run import run_experiment
from nt_host.experiment.stream import LEARNERS
from nt_host.experiment.stream_result import stream_cells
from nt_host.experiment.stream_run import STREAM_NAME, StreamPlan, run_stream_experiment
from nt_host.report.results_page import row_cells
from nt_host.report.stream_curve import write_stream_curve
from nt_host.report.tables import plain_table
from nt_host.rules.tft import DIGITAL_RULE
from nt_model.engine import ENGINES
from nt_model.errors import UsageError

COLUMNS = ("domain", "argmax before", "after", "strict before", "after", "labels", "code bytes", "wire bytes")


def chosen_plan(plan: Plan, options: dict[str, Any]) -> Plan:
    """`plan` with what the options name in place of its own."""
    of_settings = {name: options[name] for name in ("rule", "steps", "batch_size", "held_out", "loop")}
    changed: dict[str, Any] = {name: value for name, value in of_settings.items() if value is not None}
    if options["rule_pairs"]:
        changed["rule_options"] = rule_options(options["rule_pairs"])
    elif options["rule"] not in (None, plan.settings.rule):
        changed["rule_options"] = dict(plan.digital_options) if options["rule"] == DIGITAL_RULE else {}
    of_plan = {name: options[name] for name in ("corner", "engine", "labels_per_class")}
    seeds = options["seeds"] or plan.seeds
    return replace(
        plan,
        settings=replace(plan.settings, **changed),
        seeds=tuple(seeds),
        **{name: value for name, value in of_plan.items() if value is not None},
    )


def refuse_plan_options(name: str, options: dict[str, Any]) -> None:
    """UsageError for an option that study `name` would ignore."""
    given = [key for key, value in options.items() if key != "seeds" and value not in (None, ())]
    if given:
        raise UsageError(
            f"study '{name}' takes `--out`, `--seed` and `--json` alone",
            evidence=f"also given: {', '.join(sorted(given))}",
            next_step=f"try `nt-host experiment {name} --out FOLDER`",
        )


@click.command()
@click.argument("name", type=click.Choice([*PLANS, STREAM_NAME, *STUDIES, *CHIP_EXPERIMENTS]))
@option("--out", type=FOLDER, required=True, help="Folder of cells, images and the result; a killed run goes on there.")
@option(
    "--seed", "seeds", type=click.IntRange(0), multiple=True, help="Seed, repeatable; default: the experiment's own."
)
@option("--domain", "domains", multiple=True, help="Domain, repeatable; default: all.")
@option("--rule", help="Learning rule.")
@option("--set", "rule_pairs", multiple=True, metavar="NAME=NUMBER", help="Setting of the rule, repeatable.")
@option("--steps", type=int, help="Learning steps of a round.")
@option("--batch-size", type=int, help="Samples per learning step.")
@option("--held-out", type=float, help="Share of the labels kept for the early stop.")
@option("--loop", type=click.Choice(["host", "device"]), help="Who computes the update.")
@option("--labels-per-class", type=int, help="Labelled samples per class.")
@option("--corner", help="Process corner of the chips.")
@option("--engine", type=click.Choice(ENGINES), help="Engine of the chips.")
@option("--chips", type=click.IntRange(1), help="Chips per network and corner (mismatch), or receivers (transfer).")
@worker_options
@option("--label-share", type=float, help="Of experiment `stream`: share of the samples whose label follows.")
@json_option
def experiment(as_json: bool, name: str, out: Path, domains: tuple[str, ...], **options: Any) -> None:
    """Run experiment NAME on simulated chips and print mean and spread over the seeds.

    circuit, xor and power hold the tool against the paper's circuit, table1 to table8 against its tables (five runs;
    the paper's own network and images where NT_PAPER_DIR names their folder); retention is the drift of an analog
    store and its refresh, soft-lif training with a soft LIF curve, elman-trec a recurrent network for questions,
    eqprop equilibrium propagation with spikes, domains the accuracy against the number of codes, library the recall of
    stored codes; all of them take `--out`, `--seed` and `--json` alone. mismatch and transfer run many chips on all
    cores and take `--chips`, `--steps`, `--workers` and `--scheduler`.
    """
    output = Output(as_json)
    if name in STUDIES:
        refuse_plan_options(name, {**options, "domains": domains})
        run_study(output, name, out, options["seeds"])
        return
    chip_options = {each: options.pop(each) for each in ("chips", "workers", "scheduler")}
    if name in CHIP_EXPERIMENTS:
        given = {**options, "domains": domains}
        refuse_options(name, [each for each, value in given.items() if value and each not in ("steps", "held_out")])
        run_chip_experiment(output, name, out, {**chip_options, **options})
        return
    refuse_options(name, [each for each, value in chip_options.items() if value is not None])
    if name == STREAM_NAME:
        _stream(output, out, domains, options)
        return
    if options["label_share"] is not None:
        raise UsageError(
            "only experiment `stream` has a share of labels",
            evidence=f"experiment '{name}'",
            next_step="give `--labels-per-class` instead",
        )
    plan = chosen_plan(plan_named(name), options)
    with output.bar(name) as bar:
        cells = run_experiment(plan, out, domains, bar.update)
    found = rows(cells)
    for row in found:
        output.record("row", **asdict(row))
    output.show(
        plain_table(
            f"{name}: mean ± spread over {len(plan.seeds)} seeds, per cent", COLUMNS, [row_cells(row) for row in found]
        )
    )
    output.note(f"result: {out / result_name(plan)}")


def _stream(output: Output, out: Path, domains: tuple[str, ...], options: dict[str, Any]) -> None:
    taken = ("seeds", "corner", "engine", "label_share")
    refused = [name for name, value in options.items() if value not in (None, ()) and name not in taken]
    if refused or domains:
        raise UsageError(
            "experiment `stream` does not take that option",
            evidence=", ".join([*refused, *(["domains"] if domains else [])]),
            next_step="it takes --seed, --corner, --engine and --label-share",
        )
    plan = StreamPlan()
    chosen = {name: options[name] for name in ("corner", "engine") if options[name] is not None}
    share = options["label_share"]
    settings = plan.settings if share is None else replace(plan.settings, label_share=share)
    plan = replace(plan, settings=settings, seeds=tuple(options["seeds"]) or plan.seeds, **chosen)
    with output.bar(STREAM_NAME) as bar:
        result = run_stream_experiment(plan, out, bar.update)
    found = result.rows()
    for domain, values in found:
        output.record("row", domain=domain, values=values)
    title = f"{STREAM_NAME}: right before the label was told, mean ± spread over {len(plan.seeds)} seeds, per cent"
    output.show(plain_table(title, ("domain", *LEARNERS), stream_cells(found)))
    picture = out / f"{STREAM_NAME}.png"
    write_stream_curve(picture, result)
    output.note(f"result: {out / STREAM_NAME}.json, curve: {picture}")
