"""`nt-host adapt`: bring a chip back after the world shifted, by its DAC codes alone."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from nt_host.adapt.loop import Progress
from nt_host.adapt.settings import DEVICE_RULE, LOOPS, AdaptSettings
from nt_host.cli.options import (
    FILE,
    FOLDER,
    calibration_options,
    chip_options,
    chosen_calibration,
    chosen_chip,
    chosen_image,
    data_options,
    image_option,
    json_option,
    option,
    seed_option,
    units_option,
)
from nt_host.cli.output import Output
from nt_host.jobs import AdaptJob, AdaptReport, DataChoice, resume_adapt, run_adapt
from nt_host.report.tables import adapt_tables
from nt_model.errors import UsageError

BEST_RULE = DEVICE_RULE


def rule_options(pairs: tuple[str, ...]) -> dict[str, float]:
    """`name=number` pairs as a table; UsageError for anything else. Whole numbers stay whole."""
    values: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        try:
            values[name.strip().replace("-", "_")] = int(text) if text.strip().lstrip("+-").isdigit() else float(text)
        except ValueError as error:
            raise UsageError(
                "a rule setting is not NAME=NUMBER",
                evidence=repr(pair),
                next_step="give for example `--set rate_code=6`",
            ) from error
        if not equals or not name:
            raise UsageError(
                "a rule setting is not NAME=NUMBER",
                evidence=repr(pair),
                next_step="give for example `--set rate_code=6`",
            )
    return values


def show_report(output: Output, report: AdaptReport, folder: Path | None) -> None:
    """Print what a run ended with; TargetNotMetError where it missed its target."""
    for table in adapt_tables(report):
        output.show(table)
    output.record("adapt", **report.table(), folder=None if folder is None else str(folder))
    if folder is not None:
        output.note(f"run folder: {folder}")
    report.require_target()


@click.command()
@chip_options
@image_option
@data_options
@option("--rule", default=BEST_RULE, help="Learning rule.")
@option("--set", "rule_pairs", multiple=True, metavar="NAME=NUMBER", help="Setting of the rule, repeatable.")
@option("--steps", type=int, default=AdaptSettings.steps, help="Learning steps of a round.")
@option("--batch-size", type=int, default=AdaptSettings.batch_size, help="Samples per learning step.")
@option("--held-out", type=float, default=AdaptSettings.held_out, help="Share of the labels kept for the early stop.")
@option(
    "--refit/--no-refit",
    default=AdaptSettings.refit,
    help="Once the held-out labels show that learning pays, learn again with all labels.",
)
@option("--judge-every", type=int, default=AdaptSettings.judge_every, help="Steps between judgements.")
@option(
    "--patience",
    type=int,
    default=AdaptSettings.patience,
    help="Judgements without a better one before the stop; 0 never stops early.",
)
@option("--loop", type=click.Choice(LOOPS), default="host", help="Who computes the update.")
@option(
    "--power-budget",
    "power_budget_uw",
    type=click.FloatRange(0),
    metavar="UW",
    default=AdaptSettings.power_budget_uw,
    help="Bound on the array's estimated standing power after every write, microwatt; 0 sets none.",
)
@option("--park-silent", is_flag=True, help="In the end, bring domains of silent neurons to the lowest code.")
@option(
    "--unlabelled",
    type=FILE,
    help="NPZ file of samples that nobody labelled; a teacher on the host answers for them, the chip learns from them.",
)
@seed_option
@option("--out", type=FOLDER, help="Run folder to make.")
@option("--codes", "start_codes", type=FILE, help="Code file to start from; default: the codes on the chip.")
@option("--any-chip", is_flag=True, help="Take a code file of another chip with the same image.")
@units_option
@calibration_options
@option("--commit", is_flag=True, help="Persist the codes on the chip afterwards.")
@option("--target-accuracy", type=click.FloatRange(0, 1), help="Exit with 7 where the test argmax stays below.")
@option("--resume", type=FOLDER, help="Go on with the run in this folder; other options but --port are its own.")
@json_option
def adapt(as_json: bool, resume: Path | None, **options: Any) -> None:
    """Adapt a chip to a shifted domain, writing nothing but DAC codes."""
    output = Output(as_json)
    chip_values = {name: options.pop(name) for name in ("port", "engine", "baud", "deadline_s")}
    with output.bar("adapting") as bar:

        def shown(progress: Progress) -> None:
            seen = progress.held_out
            note = "" if seen is None else f"held out: argmax {seen.argmax:.3f}, strict {seen.strict:.3f}"
            bar.update(progress.step, progress.n_steps, note)
            output.record(
                "progress",
                step=progress.step,
                steps=progress.n_steps,
                held_out=None if seen is None else {"argmax": seen.argmax, "strict": seen.strict},
            )

        folder = resume
        if resume is not None:
            chip = None if chip_values["port"] is None else chosen_chip(**chip_values)
            report = resume_adapt(resume, chip, shown)
        else:
            job = _job(chip_values, options)
            report, folder = run_adapt(job, shown, lambda in_force: output.note(in_force.told)), job.out
    show_report(output, report, folder)


def _job(chip_values: dict[str, Any], options: dict[str, Any]) -> AdaptJob:
    data = DataChoice(**{name: options[name] for name in ("task", "data", "domain", "labels_per_class", "seed")})
    names = tuple(each.name for each in fields(AdaptSettings) if each.name != "rule_options")
    chosen = {name: options[name] for name in names}
    settings = AdaptSettings(rule_options=rule_options(options["rule_pairs"]), **chosen)
    kept = ("out", "start_codes", "any_chip", "any_units", "unlabelled", "commit", "target_accuracy")
    return AdaptJob(
        chosen_chip(**chip_values),
        chosen_image(options["image"]),
        data,
        settings,
        calibration=chosen_calibration(options["calibration"], options["calibration_dir"]),
        **{name: options[name] for name in kept},
    )
