"""`nt-host codes dump|load|recall|diff|reset`: code snapshots as TOML."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

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
from nt_host.codes_file import CodeSnapshot, Leniency, codes_for, read_codes_file, snapshot_of, write_codes_file
from nt_host.connect import connected
from nt_host.in_force import bring_into_force
from nt_host.jobs import DataChoice
from nt_host.library.job import RecallJob, run_recall
from nt_host.move_codes import move_codes
from nt_host.report.tables import accuracy_table, plain_table
from nt_host.units import units_of
from nt_model.errors import UsageError
from nt_model.image import CODE_DEFAULT
from nt_model.image_file import LoadedImage, read_image


@click.group()
def codes() -> None:
    """Dump, load, recall, compare and reset the codes of a chip."""


def _chip(options: dict[str, Any]) -> tuple[Any, LoadedImage]:
    chip = chosen_chip(*(options[name] for name in ("port", "engine", "baud", "deadline_s")))
    return chip, read_image(chosen_image(options["image"]))


@codes.command()
@chip_options
@image_option
@option("--out", type=FILE, required=True, help="Code file to write.")
@json_option
def dump(as_json: bool, out: Path, **options: Any) -> None:
    """Write the codes of the chip to a file."""
    output = Output(as_json)
    with connected(*_chip(options)) as chip:
        snapshot = snapshot_of(chip.info, chip.read_codes()[0], units_of(chip))
    write_codes_file(out, snapshot)
    output.result(
        "codes.dump",
        {
            "path": str(out),
            "chip_uid": snapshot.chip_uid,
            "units": snapshot.units.units,
            "codes": snapshot.codes.tolist(),
        },
        f"{out}: {len(snapshot.codes)} {snapshot.units.units} codes of chip {snapshot.chip_uid}",
    )


@codes.command()
@click.argument("file", type=FILE)
@chip_options
@image_option
@option("--any-chip", is_flag=True, help="Take uncalibrated codes of another chip with the same image.")
@units_option
@calibration_options
@option("--commit", is_flag=True, help="Persist the codes on the chip.")
@json_option
def load(as_json: bool, file: Path, any_chip: bool, any_units: bool, commit: bool, **options: Any) -> None:
    """Write the codes of FILE to the chip.

    Codes that were learned on a calibrated chip go to every calibrated chip with the same image.
    """
    output = Output(as_json)
    snapshot = read_codes_file(file)
    calibration = chosen_calibration(options["calibration"], options["calibration_dir"])
    with connected(*_chip(options)) as chip:
        in_force = bring_into_force(chip, calibration, snapshot)
        codes = codes_for(snapshot, chip.info, in_force.units, Leniency(any_chip, any_units))
        output.note(in_force.told)
        writes = move_codes(chip, codes)
        if commit:
            chip.commit()
        uid = chip.info.uid
    output.result(
        "codes.load",
        {"chip_uid": uid, "codes": len(snapshot.codes), "units": in_force.units.units, "writes": writes},
        f"chip {uid}: {len(snapshot.codes)} {in_force.units.units} codes loaded in {writes} writes",
    )


@codes.command("recall")
@click.argument("files", type=FILE, nargs=-1)
@chip_options
@image_option
@data_options
@seed_option
@option("--any-chip", is_flag=True, help="Take uncalibrated codes of other chips with the same image.")
@units_option
@calibration_options
@option("--commit", is_flag=True, help="Persist the codes on the chip.")
@json_option
def recall_best(as_json: bool, files: tuple[Path, ...], **options: Any) -> None:
    """Try every code file of FILES on the labelled samples and keep the best; nothing is learned.

    The codes on the chip take part, and stay where no file is better.
    """
    output = Output(as_json)
    job = RecallJob(
        chosen_chip(*(options[name] for name in ("port", "engine", "baud", "deadline_s"))),
        chosen_image(options["image"]),
        DataChoice(**{name: options[name] for name in ("task", "data", "domain", "labels_per_class", "seed")}),
        files,
        Leniency(options["any_chip"], options["any_units"]),
        chosen_calibration(options["calibration"], options["calibration_dir"]),
        options["commit"],
    )
    with output.bar("recalling") as bar:
        report = run_recall(job, bar.update)
    found = report.recall
    output.note(report.in_force.told)
    output.show(
        accuracy_table(
            f"domain {report.domain}, chip {report.chip_uid}, labelled samples",
            [(each.stored.name, each.seen) for each in found.tried],
        )
    )
    output.result(
        "codes.recall",
        {
            "domain": report.domain,
            "chip_uid": report.chip_uid,
            "labels": report.n_labels,
            "tried": [{"codes": each.stored.name, "labelled": asdict(each.seen)} for each in found.tried],
            "chosen": found.chosen.name,
            "units": report.in_force.units.units,
        },
        f"chip {report.chip_uid} now holds: {found.chosen.name}",
    )


@codes.command()
@chip_options
@image_option
@option("--commit", is_flag=True, help="Persist the codes on the chip.")
@json_option
def reset(as_json: bool, commit: bool, **options: Any) -> None:
    """Bring all codes back to 128."""
    output = Output(as_json)
    with connected(*_chip(options)) as chip:
        writes = move_codes(chip, np.full(chip.info.n_codes, CODE_DEFAULT, np.uint8))
        if commit:
            chip.commit()
        uid = chip.info.uid
    output.result("codes.reset", {"chip_uid": uid, "writes": writes}, f"chip {uid}: all codes at {CODE_DEFAULT}")


@codes.command()
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@json_option
def diff(as_json: bool, first: Path, second: Path) -> None:
    """Compare the code files FIRST and SECOND."""
    output = Output(as_json)
    one, two = read_codes_file(first), read_codes_file(second)
    moved = code_changes(one, two)
    rows = [
        (str(domain), str(one.codes[domain]), str(two.codes[domain]), f"{change:+d}")
        for domain, change in moved.items()
    ]
    output.result(
        "codes.diff",
        {"changed": len(moved), "changes": {str(key): each for key, each in moved.items()}},
        plain_table(
            f"{len(moved)} of {len(one.codes)} codes differ", ("domain", first.name, second.name, "change"), rows
        ),
    )


def code_changes(one: CodeSnapshot, two: CodeSnapshot) -> dict[int, int]:
    """Change of each code that differs, by domain; UsageError for snapshots of different images."""
    if one.image_digest != two.image_digest or len(one.codes) != len(two.codes):
        raise UsageError(
            "the two code files belong to different images",
            evidence=f"{one.image_digest[:12]} and {two.image_digest[:12]}",
            next_step="compare code files of one image",
        )
    change = two.codes.astype(np.int64) - one.codes.astype(np.int64)
    return {int(domain): int(change[domain]) for domain in np.flatnonzero(change)}
