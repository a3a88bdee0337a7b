"""`nt-host calibrate`: measure a chip's mismatch and correct it; check an old calibration, or apply it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nt_calib.calibrate import Progress
from nt_calib.check import Tolerance
from nt_calib.journal import Journal
from nt_calib.target import Target
from nt_hil.traffic import BAUD, BITS_PER_BYTE
from nt_host.calibration import CalibrateJob, options_from, run_apply, run_calibrate, run_check
from nt_host.cli.adapt import rule_options
from nt_host.cli.options import (
    FILE,
    FOLDER,
    chip_options,
    chosen_calibration,
    chosen_chip,
    chosen_image,
    folder_option,
    image_option,
    json_option,
    option,
)
from nt_host.cli.output import Output
from nt_host.in_force import LATEST
from nt_host.report.calibration_tables import calibration_tables, check_table, failed_table
from nt_model.errors import UsageError


@click.command()
@chip_options
@image_option
@option("--calibration", default=LATEST, metavar="latest|FILE", help="With --check and --apply: which calibration.")
@folder_option
@option("--check", "mode", flag_value="check", help="Measure a sample: does the latest calibration still hold?")
@option("--apply", "mode", flag_value="apply", help="Write the latest calibration to the chip, measure nothing.")
@option(
    "--commit/--no-commit",
    default=None,
    help="Keep codes and corrections in the chip without power.  [default: "
    "after a calibration that meets its target, where the chip can]",
)
@option("--supply-mv", type=click.FloatRange(0, min_open=True), help="Supply of the chip, for the record.")
@option("--options", "options_file", type=FILE, help="TOML file with a table [calibration] of options.")
@option("--set", "pairs", multiple=True, metavar="NAME=NUMBER", help="Option of the calibration, repeatable.")
@option(
    "--max-sigma-ratio",
    type=click.FloatRange(0),
    default=Target.max_sigma_ratio,
    help="Exit with 7 where the trimmed spread of gains after/before is larger.",
)
@option(
    "--min-calibrated",
    type=click.FloatRange(0, 1),
    default=Target.min_calibrated,
    help="Exit with 7 where a smaller share of the neurons is calibrated.",
)
@option(
    "--tolerance-code",
    type=click.FloatRange(0, min_open=True),
    default=Tolerance.neuron_code,
    help="With --check: DAC codes by which a neuron may be off.",
)
@option("--restart", is_flag=True, help="Measure from the beginning where a killed run could be resumed.")
@option("--report", "report_folder", type=FOLDER, help="Folder for the pictures of the calibration.")
@json_option
def calibrate(as_json: bool, mode: str | None, **options: Any) -> None:
    """Calibrate the chip at --port, so that its gains are those of the image.

    Measures every neuron through the wire, writes corrections to the chip, reads them back, and keeps a file per chip
    and image. A killed run goes on where it was. Codes are in calibrated units from then on.
    """
    output = Output(as_json)
    if mode is not None:
        _refuse_measurement(mode, options)
    if mode == "check":
        _check(output, options)
    elif mode == "apply":
        _apply(output, options)
    else:
        _calibrate(output, options)


def _refuse_measurement(mode: str, options: dict[str, Any]) -> None:
    """Options that would have no effect beside --check or --apply are mistakes."""
    given = {
        "--set": options["pairs"],
        "--options": options["options_file"],
        "--supply-mv": options["supply_mv"],
        "--restart": options["restart"],
        "--commit": mode == "check" and options["commit"],
    }
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{name} has no effect with --{mode}",
                evidence="it belongs to a calibration" if name != "--commit" else "a check changes nothing on the chip",
                next_step=f"leave {name} out",
            )


def _chip_and_image(options: dict[str, Any]) -> tuple[Any, Path]:
    chip = chosen_chip(*(options[name] for name in ("port", "engine", "baud", "deadline_s")))
    return chip, chosen_image(options["image"])


def _calibrate(output: Output, options: dict[str, Any]) -> None:
    chip, image = _chip_and_image(options)
    job = CalibrateJob(
        chip,
        image,
        options["calibration_dir"],
        options_from(options["options_file"], rule_options(options["pairs"])),
        Target(options["max_sigma_ratio"], options["min_calibrated"]),
        options["commit"],
        options["supply_mv"],
        options["restart"],
    )
    with output.bar("calibrating") as bar:

        def shown(progress: Progress) -> None:
            # A chip whose neurons are hard to reach takes more stimuli than was expected.
            bar.update(progress.shots, max(progress.of, progress.shots), progress.stage)
            output.record("progress", stage=progress.stage, stimuli=progress.shots, of=progress.of)

        def resumed(journal: Journal) -> None:
            output.note(f"going on with a calibration begun {journal.start.date}: {journal.earlier.shots} stimuli done")

        try:
            report = run_calibrate(job, shown, resumed)
        except KeyboardInterrupt:
            output.note("what was measured is kept: give the same command again to go on")
            raise
    output.record("calibrate", **report.table())
    for table in calibration_tables(report):
        output.show(table)
    if report.failed:
        output.show(failed_table(report.failed))
    for note in report.notes:
        output.note(note)
    _pictures(output, options, report.calibration)
    report.target.require(report.calibration)


def _pictures(output: Output, options: dict[str, Any], calibration: Any) -> None:
    if options["report_folder"] is None:
        return
    # Imported where it is used: matplotlib takes half a second to load.
    from nt_host.report.calibration_pictures import write_pictures
    from nt_model.image_file import read_image

    for path in write_pictures(options["report_folder"], calibration, read_image(chosen_image(options["image"])).image):
        output.note(f"picture: {path}")


def _check(output: Output, options: dict[str, Any]) -> None:
    chip, image = _chip_and_image(options)
    choice = chosen_calibration(options["calibration"], options["calibration_dir"])
    with output.bar("checking") as bar:
        report = run_check(chip, image, choice, Tolerance(options["tolerance_code"]), bar.update)
    seconds = report.wire_bytes * BITS_PER_BYTE / BAUD
    output.result(
        "calibrate.check",
        {
            **report.result.table(),
            "path": str(report.path),
            "chip_uid": report.calibration.uid,
            "wire_bytes": report.wire_bytes,
            "wire_s_at_921600_baud": seconds,
        },
        check_table(report, seconds),
    )
    _pictures(output, options, report.calibration)
    report.result.require()


def _apply(output: Output, options: dict[str, Any]) -> None:
    chip, image = _chip_and_image(options)
    choice = chosen_calibration(options["calibration"], options["calibration_dir"])
    report = run_apply(chip, image, choice, commit=bool(options["commit"]))
    kept = "" if report.committed is None else f", committed (generation {report.committed})"
    output.result(
        "calibrate.apply",
        {
            "path": str(report.path),
            "chip_uid": report.calibration.uid,
            "changed": report.changed,
            "nv_generation": report.committed,
        },
        f"chip {report.calibration.uid}: {report.path.name} of {report.calibration.date} is in force, "
        f"{report.changed} corrections changed{kept}",
    )
    for note in report.notes:
        output.note(note)
    _pictures(output, options, report.calibration)
