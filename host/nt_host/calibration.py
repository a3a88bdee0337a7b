"""Calibrate a chip, check whether its calibration still holds, apply it: each in one call.

The command line only parses options into a `CalibrateJob` and prints what these calls give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nt_calib.calibrate import Progress
from nt_calib.calibration_file import head_of
from nt_calib.check import CheckResult, Tolerance, check
from nt_calib.journal import Journal
from nt_calib.options import Options
from nt_calib.result import Calibration
from nt_calib.resumable import calibrate_and_keep
from nt_calib.store import CalibrationStore, default_folder
from nt_calib.target import FailedNeuron, Target, failed_neurons
from nt_hil.chip import Capability, Chip
from nt_hil.port import SimPort, parse_port
from nt_host.ageing import age, starts_fresh
from nt_host.connect import ChipOptions, connected
from nt_host.in_force import LATEST, CalibrationChoice, apply_calibration
from nt_host.toml_file import read_toml
from nt_host.units import units_of
from nt_model.errors import DeviceError, UsageError
from nt_model.image import CODE_DEFAULT
from nt_model.image_file import read_image

OPTIONS_TABLE = "calibration"


@dataclass(frozen=True)
class CalibrateJob:
    """One calibration.

    Attributes:
        chip: which chip, and how to reach it.
        image: path of the chip image file.
        folder: of the store of calibrations.
        options: how much is measured.
        target: what is good enough.
        commit: persist codes and corrections on the chip: True, False, or None: where the target is met and the chip
            has a non-volatile memory.
        supply_mv: supply of the chip, for the record.
        restart: drop what a killed run has measured.
    """

    chip: ChipOptions
    image: Path
    folder: Path = field(default_factory=default_folder)
    options: Options = field(default_factory=Options)
    target: Target = field(default_factory=Target)
    commit: bool | None = None
    supply_mv: float | None = None
    restart: bool = False


@dataclass(frozen=True, eq=False)
class CalibrateReport:
    """What a calibration ended with.

    Attributes:
        calibration: also in the file at `path`.
        target: what was asked for.
        failed: neurons that are not calibrated.
        committed: generation of the non-volatile memory, or None where nothing was committed.
        notes: lines that a user should read.
    """

    calibration: Calibration
    path: Path
    target: Target
    failed: tuple[FailedNeuron, ...]
    committed: int | None
    notes: tuple[str, ...]

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        head = head_of(self.calibration)
        return {
            **head,
            "path": str(self.path),
            "met": not self.target.shortfalls_of(self.calibration),
            "shortfalls": list(self.target.shortfalls_of(self.calibration)),
            "failed": [
                {
                    "layer": one.layer,
                    "neuron": one.neuron,
                    "verdict": one.verdict.name.lower(),
                    "boundary": one.boundary,
                }
                for one in self.failed
            ],
            "nv_generation": self.committed,
        }


def options_from(path: Path | None, changes: Mapping[str, float]) -> Options:
    """Options from the table `[calibration]` of the TOML file at `path`, with `changes` over it.

    Raises:
        UsageError: an option does not exist, is no whole number, or lies outside its range.
    """
    table: dict[str, Any] = {} if path is None else dict(read_toml(path).get(OPTIONS_TABLE, {}))
    table.update(changes)
    known = [each.name for each in fields(Options)]
    for name, value in table.items():
        if name not in known or type(value) is not int:
            raise UsageError(
                f"'{name}' is no option of a calibration" if name not in known else f"'{name}' is no whole number",
                evidence=f"{name} = {value!r}; options: {', '.join(known)}",
                next_step="give for example `--set refine_repeats=48`",
            )
    return Options(**table)


def _may_commit(chip: Chip) -> bool:
    return bool(chip.info.capabilities & Capability.NON_VOLATILE)


def _commit(chip: Chip) -> int:
    if not _may_commit(chip):
        raise DeviceError(
            "the chip cannot keep corrections without power",
            evidence="no NON_VOLATILE capability",
            next_step="leave `--commit` out; after each power-up run `nt-host calibrate --apply`",
        )
    return chip.commit()


def _told_of_memory(port: str, committed: int | None) -> tuple[str, ...]:
    """What the user has to know of where the corrections are now."""
    spec = parse_port(port)
    if isinstance(spec, SimPort) and spec.nv is None:
        kept = replace(spec, nv="chip.json")
        return (f"this simulated chip ends with the command; one that keeps what it commits: --port {kept}",)
    if committed is None:
        return ("in force but not committed: after a power-up write them again with `nt-host calibrate --apply`",)
    return ()


def _moved_codes(chip: Chip) -> int:
    return int((chip.read_codes()[0] != CODE_DEFAULT).sum())


def run_calibrate(
    job: CalibrateJob,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_resume: Callable[[Journal], None] = lambda _: None,
) -> CalibrateReport:
    """Calibrate, keep the file, and commit where asked.

    Raises:
        NtError: see `nt_model.errors`. A missed target is for `CalibrateReport.target.require` to raise.
    """
    loaded = read_image(job.image)
    with connected(job.chip, loaded) as chip:
        stale = 0 if units_of(chip).calibrated else _moved_codes(chip)

        def resumed(journal: Journal) -> None:
            if starts_fresh(job.chip.port):
                age(chip, journal.earlier.reads, n_steps=1)
            on_resume(journal)

        path, found = calibrate_and_keep(
            chip,
            loaded,
            CalibrationStore(job.folder),
            job.options,
            on_progress,
            on_resume=resumed,
            restart=job.restart,
            supply_mv=job.supply_mv,
        )
        met = not job.target.shortfalls_of(found)
        wanted = job.commit if job.commit is not None else met and _may_commit(chip)
        generation = _commit(chip) if wanted else None
    notes = _told_of_memory(job.chip.port, generation)
    if stale:
        notes = (
            *notes,
            f"{stale} codes were set before the chip was calibrated and mean other gains now: "
            "`nt-host codes reset`, then adapt anew",
        )
    return CalibrateReport(found, path, job.target, failed_neurons(found), generation, notes)


def _found(choice: CalibrationChoice, chip: Chip) -> tuple[Path, Calibration]:
    named = replace(choice, which=LATEST) if choice.which == "auto" else choice
    found = named.chosen(chip)
    if found is None:
        raise UsageError(
            "no calibration is named", evidence=f"--calibration {choice.which}", next_step="give `--calibration latest`"
        )
    return found


@dataclass(frozen=True, eq=False)
class CheckReport:
    """Whether the calibration in the file at `path` still holds, and what asking took."""

    path: Path
    calibration: Calibration
    result: CheckResult
    wire_bytes: int


def run_check(
    chip_options: ChipOptions,
    image: Path,
    choice: CalibrationChoice,
    tolerance: Tolerance = Tolerance(),
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> CheckReport:
    """Read the chip again and judge the latest calibration, or the one that `choice` names.

    Raises:
        TargetNotMetError: the chip does not hold its corrections; see `check`. That it drifted is for
            `CheckResult.require` to raise.
    """
    loaded = read_image(image)
    with connected(chip_options, loaded) as chip:
        path, calibration = _found(choice, chip)
        before = chip.traffic
        result = check(chip, loaded.image, calibration, tolerance, on_progress)
        after = chip.traffic
    spent = after.bytes_sent + after.bytes_received - before.bytes_sent - before.bytes_received
    return CheckReport(path, calibration, result, spent)


@dataclass(frozen=True, eq=False)
class ApplyReport:
    """Corrections of the file at `path` are in force on the chip; `changed` domains held others before."""

    path: Path
    calibration: Calibration
    changed: int
    committed: int | None
    notes: tuple[str, ...]


def run_apply(chip_options: ChipOptions, image: Path, choice: CalibrationChoice, *, commit: bool) -> ApplyReport:
    """Write the corrections of the latest calibration, or of the one that `choice` names, to the chip."""
    loaded = read_image(image)
    with connected(chip_options, loaded) as chip:
        path, calibration = _found(choice, chip)
        changed = apply_calibration(chip, calibration)
        generation = _commit(chip) if commit else None
    notes = _told_of_memory(chip_options.port, generation) if changed else ()
    return ApplyReport(path, calibration, changed, generation, notes)
