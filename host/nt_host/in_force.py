"""Which calibration is in force while a chip is used: the latest kept, a file's, none, or whatever the chip holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nt_calib.calibration_file import read_calibration, require_owner
from nt_calib.check import differing_corrections
from nt_calib.result import Calibration
from nt_calib.store import CalibrationStore, default_folder
from nt_hil.chip import Capability, Chip
from nt_host.codes_file import CodeSnapshot
from nt_host.units import RAW_CODES, CodeUnits, units_of
from nt_model.correction import Corrections
from nt_model.errors import DeviceError
from nt_model.image import CODE_DEFAULT

AUTO, LATEST, NONE, AS_IS = "auto", "latest", "none", "as-is"
"""`auto` writes the latest calibration to a chip that holds no corrections and whose codes are untouched; `as-is`
never writes any."""


@dataclass(frozen=True)
class CalibrationChoice:
    """Attributes:
    which: "auto", "latest", "none", "as-is", or the path of a calibration file.
    folder: of the store.
    """

    which: str = AS_IS
    folder: Path = field(default_factory=default_folder)

    def chosen(self, chip: Chip) -> tuple[Path, Calibration] | None:
        """The calibration that is named, read and seen to belong to `chip`; None where none is, or none is kept."""
        uid, digest = chip.info.uid, chip.info.image_digest
        store = CalibrationStore(self.folder)
        if self.which in (NONE, AS_IS) or (self.which == AUTO and store.latest_path(uid, digest) is None):
            return None
        if self.which in (AUTO, LATEST):
            return store.latest(uid, digest)
        calibration = read_calibration(Path(self.which))
        require_owner(calibration, uid, digest)
        return Path(self.which), calibration


@dataclass(frozen=True)
class InForce:
    """What is in force now: `path` of the calibration, None where the chip holds none or one that is not on file;
    `units` of its codes; `told`, a line for people."""

    path: Path | None
    units: CodeUnits
    told: str


def _correctable(chip: Chip) -> bool:
    return bool(chip.info.capabilities & Capability.CORRECTIONS)


def apply_calibration(chip: Chip, calibration: Calibration) -> int:
    """Put the corrections of `calibration` in force; codes stay and mean calibrated codes. Gives the number of domains
    whose correction changed.

    Raises:
        DeviceError: the chip keeps no corrections.
        UsageError: the calibration is of another chip or image.
    """
    require_owner(calibration, chip.info.uid, chip.info.image_digest)
    if not _correctable(chip):
        raise DeviceError(
            "the chip keeps no corrections, so no calibration can be in force",
            evidence="it lacks CORRECTIONS",
            next_step="update its firmware, or give `--calibration none`",
        )
    changed = differing_corrections(chip, calibration)
    if changed:
        chip.write_corrections(calibration.corrections)
    return changed


def bring_into_force(chip: Chip, choice: CalibrationChoice, snapshot: CodeSnapshot | None = None) -> InForce:
    """Do what `choice` says; `snapshot` is the code file that is about to be loaded.

    Nothing is committed. Under "auto" corrections are written where the chip holds none, and only when its codes are
    not left to mean something else by that: they are all at 128, or about to be replaced by calibrated ones.

    Raises:
        UsageError, VersionMismatchError: the calibration cannot be read or belongs elsewhere.
        DeviceError: corrections are asked for and the chip keeps none.
    """
    if choice.which == NONE:
        if _correctable(chip) and chip.read_corrections().any():
            chip.write_corrections(Corrections.none(chip.info.n_codes))
        return InForce(None, RAW_CODES, "calibration: none, codes are the chip's own")
    found = choice.chosen(chip)
    if found is None:
        units = units_of(chip)
        held = "that on the chip, not from a file" if units.calibrated else "none, codes are the chip's own"
        return InForce(None, units, f"calibration: {held}")
    path, calibration = found
    if choice.which == AUTO:
        kept = _left_alone(chip, calibration, snapshot)
        if kept:
            return InForce(None, units_of(chip), f"calibration: {path.name} is left out, {kept}")
    apply_calibration(chip, calibration)
    return InForce(path, units_of(chip), f"calibration: {path.name} of {calibration.date}")


def _left_alone(chip: Chip, calibration: Calibration, snapshot: CodeSnapshot | None) -> str:
    """Why "auto" does not write `calibration` to the chip; empty where it may."""
    if not _correctable(chip):
        return "the chip keeps no corrections"
    if differing_corrections(chip, calibration) == 0:
        return ""
    if chip.read_corrections().any():
        return "the chip holds other corrections (`--calibration latest` replaces them)"
    if snapshot is not None:
        return "" if snapshot.units.calibrated else "the code file is in the chip's own units"
    if (chip.read_codes()[0] != CODE_DEFAULT).any():
        return "codes were set on the chip in its own units (`--calibration latest` takes them as calibrated)"
    return ""
