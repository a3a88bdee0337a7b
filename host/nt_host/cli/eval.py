"""`nt-host eval`: accuracy of a chip at its present codes, or at the codes of a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Group

from nt_host.cli.options import (
    FILE,
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
from nt_host.codes_file import Leniency
from nt_host.energy.estimate import energy_lines
from nt_host.jobs import DataChoice
from nt_host.measure import measure_job
from nt_host.report.tables import accuracy_table, text_table


@click.command("eval")
@chip_options
@image_option
@data_options
@seed_option
@option("--codes", "start_codes", type=FILE, help="Code file to load first; default: the codes on the chip.")
@option("--any-chip", is_flag=True, help="Take a code file of another chip with the same image.")
@units_option
@calibration_options
@json_option
def evaluate(as_json: bool, start_codes: Path | None, any_chip: bool, any_units: bool, **options: Any) -> None:
    """Print argmax and strict accuracy on the test part of a domain."""
    output = Output(as_json)
    chip = chosen_chip(*(options[name] for name in ("port", "engine", "baud", "deadline_s")))
    data = DataChoice(**{name: options[name] for name in ("task", "data", "domain", "labels_per_class", "seed")})
    calibration = chosen_calibration(options["calibration"], options["calibration_dir"])
    lenient = Leniency(any_chip, any_units)
    found = measure_job(chip, chosen_image(options["image"]), data, start_codes, lenient, calibration)
    output.note(found.in_force.told)
    output.result(
        "eval",
        {
            "domain": found.domain,
            "chip_uid": found.chip_uid,
            "test": asdict(found.accuracy),
            "units": found.in_force.units.units,
            "calibration": None if found.in_force.path is None else str(found.in_force.path),
            "energy": None if found.energy is None else {"inference": found.energy.table()},
        },
        Group(
            accuracy_table(f"domain {found.domain}, chip {found.chip_uid}", [("test", found.accuracy)]),
            text_table("", ("", ""), energy_lines(found.energy)),
        ),
    )
