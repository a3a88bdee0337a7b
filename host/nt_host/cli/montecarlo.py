"""`nt-host montecarlo`: yield of an image over many simulated chips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nt_host.cli.options import FOLDER, data_options, image_option, json_option, option, seed_option
from nt_host.cli.output import Output
from nt_host.evaluate import encoded
from nt_host.fleet.chip import Samples
from nt_host.fleet.montecarlo import MEASURES, MonteCarloPlan, run_montecarlo, yield_and_interval
from nt_host.fleet.run import Workers, cores
from nt_host.images import packaged_image
from nt_host.jobs import DataChoice
from nt_host.report.tables import plain_table
from nt_host.report.yield_curve import write_yield_curve
from nt_model.corner import CORNERS
from nt_model.engine import ENGINES
from nt_model.errors import TargetNotMetError, UsageError
from nt_model.image_file import read_image

PACKAGED_TASK, PACKAGED_DOMAIN = "digits", "clean"


def worker_options(command: Any) -> Any:
    """`--workers`, `--scheduler`."""
    command = option(
        "--scheduler", help="Address of a dask scheduler, such as tcp://host:8786, whose workers do it instead."
    )(command)
    return option("--workers", type=click.IntRange(1), help="Processes on this machine; default: one per core.")(
        command
    )


def chosen_workers(workers: int | None, scheduler: str | None) -> Workers:
    """Where the options want it to run."""
    return Workers(cores() if workers is None else workers, scheduler)


def _data(options: dict[str, Any]) -> tuple[Path, DataChoice]:
    values = {name: options[name] for name in ("task", "data", "domain", "labels_per_class", "seed")}
    if options["image"] is not None:
        return options["image"], DataChoice(**values)
    if options["task"] not in (None, PACKAGED_TASK) or options["data"] is not None:
        raise UsageError(
            "no chip image is given",
            evidence=f"the packaged image knows task '{PACKAGED_TASK}' only",
            next_step="give `--image FILE.ntrom`; `nt-host pretrain` makes one",
        )
    chosen = {**values, "task": PACKAGED_TASK, "domain": values["domain"] or PACKAGED_DOMAIN}
    return packaged_image(PACKAGED_TASK), DataChoice(**chosen)


def _text(share: tuple[float, float, float]) -> str:
    return f"{100 * share[0]:.1f} ({100 * share[1]:.1f} to {100 * share[2]:.1f})"


@click.command()
@option("--out", type=FOLDER, required=True, help="Folder of chips and results; a killed run goes on there.")
@option("--chips", type=click.IntRange(1), default=1000, help="Number of chips.")
@option("--corner", type=click.Choice(list(CORNERS)), default="typical", help="Process corner of the chips.")
@option("--first-seed", type=click.IntRange(0), default=0, help="Seed of the first die.")
@option("--calibrate", is_flag=True, help="Measure every chip also after a calibration.")
@image_option
@data_options
@seed_option
@worker_options
@option("--engine", type=click.Choice(ENGINES), default="c", help="Engine of the chips.")
@option("--require", type=click.FloatRange(0, 1), help="Accuracy that a chip must reach, 0..1.")
@option("--measure", type=click.Choice(MEASURES), default="strict", help="Which accuracy `--require` means.")
@option("--min-yield", type=click.FloatRange(0, 1), help="Share of the chips that must reach it, or exit with 7.")
@json_option
def montecarlo(as_json: bool, out: Path, require: float | None, min_yield: float | None, **options: Any) -> None:
    """Draw many chips, measure each, and print how many reach an accuracy: the yield.

    Without --image: the packaged digits image on clean digits.
    """
    output = Output(as_json)
    if min_yield is not None and require is None:
        raise UsageError("a yield needs an accuracy", evidence="`--min-yield` alone", next_step="give `--require 0.9`")
    path, data = _data(options)
    loaded, (domain, split) = read_image(path), data.split()
    test = Samples(encoded(loaded.image, split.test), split.test.labels)
    plan = MonteCarloPlan(**{name: options[name] for name in ("chips", "corner", "first_seed", "calibrate", "engine")})
    with output.bar(f"{plan.chips:,} chips") as bar:
        table = run_montecarlo(
            plan, loaded, test, out, chosen_workers(options["workers"], options["scheduler"]), bar.update
        )
    write_yield_curve(out / "yield.png", table)
    _show(output, table, domain)
    output.note(f"result: {out / 'montecarlo.json'}, {out / 'yield.png'}")
    if require is not None:
        _judge(output, table, options["measure"], require, min_yield)


def _show(output: Output, table: dict[str, Any], domain: str) -> None:
    states = list(table["accuracies"])
    rows = []
    for row in table["yields"]:
        output.record("yield", **{**row, "yield": {state: row["yield"][state] for state in states}})
        required = f"{row['measure']} {100 * row['required']:.1f} % (ideal - {100 * row['below_ideal']:.1f})"
        rows.append([required, *(_text(row["yield"][state]) for state in states)])
    plan = table["plan"]
    title = (
        f"yield of {plan['chips']:,} chips of corner {plan['corner']} on domain {domain} ({table['samples']} samples), "
        "per cent (95 % interval)"
    )
    output.show(plain_table(title, ("required accuracy", *states), rows))


def _judge(output: Output, table: dict[str, Any], measure: str, require: float, min_yield: float | None) -> None:
    found = {state: yield_and_interval(by[measure], require) for state, by in table["accuracies"].items()}
    output.record("required", measure=measure, required=require, **{"yield": found})
    for state, share in found.items():
        output.show(f"{measure} of at least {100 * require:.1f} %, {state}: {_text(share)} % of the chips")
    state, share = list(found.items())[-1]
    if min_yield is not None and share[0] < min_yield:
        raise TargetNotMetError(
            f"too few chips reach the accuracy that was asked for, {require:.3f} {measure}",
            evidence=f"{state}: {_text(share)} % of the chips, asked for {100 * min_yield:.1f} %",
            next_step="calibrate (`--calibrate`), train a network that bears more mismatch, or ask for less",
        )
