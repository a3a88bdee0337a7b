"""Options that several commands share; each also reads NT_HOST_<NAME> from the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nt_calib.store import default_folder
from nt_hil.traffic import BAUD
from nt_host.connect import ChipOptions
from nt_host.in_force import AUTO, CalibrationChoice
from nt_model.engine import ENGINES
from nt_model.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """A click option that also reads NT_HOST_<LONG NAME> and shows its default."""
    long_name = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "NT_HOST_" + long_name[2:].replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, show_default=True, **settings)


def _stacked(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def apply(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply


json_option = option("--json", "as_json", is_flag=True, help="Print results as NDJSON, one record per line.")
seed_option = option("--seed", type=click.IntRange(0), default=0, help="Seed of draws and batch order.")
image_option = option("--image", type=FILE, help="Chip image file (*.ntrom).")


def chip_options(command: Command) -> Command:
    """`--port`, `--engine`, `--baud`, `--deadline`."""
    return _stacked(
        option("--port", help="Chip: a path, auto, id:<usb serial>, a pyserial URL, sim:<corner>,seed=7, emu:<board>."),
        option("--engine", type=click.Choice(ENGINES), default="c", help="Engine of a simulated chip."),
        option("--baud", type=click.IntRange(1), default=BAUD, help="Bits per second of a serial line."),
        option(
            "--deadline",
            "deadline_s",
            type=click.FloatRange(0, min_open=True),
            default=5.0,
            help="Seconds after which a call without an answer fails.",
        ),
    )(command)


def source_options(command: Command) -> Command:
    """`--task`, `--data`."""
    return _stacked(
        option("--task", help="Named task: digits, enose or emg."),
        option("--data", type=FILE, help="NPZ file with features, labels and domain, instead of a task."),
    )(command)


def data_options(command: Command) -> Command:
    """`--task`, `--data`, `--domain`, `--labels-per-class`."""
    return _stacked(
        source_options,
        option("--domain", help="Domain to adapt to or test on; default: the first target."),
        option("--labels-per-class", type=int, help="Labelled samples drawn per class; default: the task's own."),
    )(command)


folder_option = option(
    "--calibration-dir", type=FOLDER, default=default_folder, help="Folder that keeps the calibrations of all chips."
)


def calibration_options(command: Command) -> Command:
    """`--calibration`, `--calibration-dir`."""
    return _stacked(
        option(
            "--calibration",
            "calibration",
            default=AUTO,
            metavar="auto|latest|none|FILE",
            help="Calibration in force; auto: the latest kept for this chip and image, where there is one.",
        ),
        folder_option,
    )(command)


units_option = option(
    "--any-units", is_flag=True, help="Take a code file of uncalibrated codes on a calibrated chip, and the reverse."
)


def chosen_calibration(calibration: str, calibration_dir: Path) -> CalibrationChoice:
    """The calibration that the options name."""
    return CalibrationChoice(calibration, calibration_dir)


def chosen_chip(port: str | None, engine: str, baud: int, deadline_s: float) -> ChipOptions:
    """The chip that the options name; UsageError without a port."""
    if port is None:
        raise UsageError(
            "no port is given",
            next_step="give `--port /dev/ttyUSB0`, `--port auto` or "
            "`--port sim:typical`; `nt-host ports` lists what is attached",
        )
    return ChipOptions(port, engine, baud, deadline_s)


def chosen_image(image: Path | None) -> Path:
    """The image path; UsageError without one."""
    if image is None:
        raise UsageError(
            "no chip image is given",
            next_step="give `--image FILE.ntrom`; `nt-host build` or `nt-host pretrain` make one",
        )
    return image
