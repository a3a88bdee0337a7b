"""Code snapshots: the codes of one chip with one image, as a TOML file that people can read and edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import ChipInfo
from nt_host.toml_file import read_schema, write_toml
from nt_host.units import CALIBRATED, RAW, RAW_CODES, CodeUnits
from nt_model.errors import UsageError

SCHEMA = "nt-codes"
SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class CodeSnapshot:
    """`codes` (n_codes,) uint8 of the chip `chip_uid` (16 hexadecimal digits) with the image `image_digest` (64);
    `date` ISO 8601, UTC; `units` of the codes."""

    codes: NDArray[np.uint8]
    chip_uid: str
    image_digest: str
    date: str
    units: CodeUnits = RAW_CODES


def snapshot_of(info: ChipInfo, codes: NDArray[np.uint8], units: CodeUnits = RAW_CODES) -> CodeSnapshot:
    """Snapshot of `codes` (n_codes,) in `units` as the chip of `info` holds them now."""
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return CodeSnapshot(codes.copy(), info.uid, info.image_digest, date, units)


def write_codes_file(path: Path, snapshot: CodeSnapshot) -> None:
    """Write the snapshot to `path` atomically."""
    write_toml(
        path,
        SCHEMA,
        SCHEMA_VERSION,
        {
            "chip_uid": snapshot.chip_uid,
            "image_digest": snapshot.image_digest,
            "date": snapshot.date,
            "units": snapshot.units.units,
            "corrections": snapshot.units.corrections,
            "codes": [int(code) for code in snapshot.codes],
        },
    )


def read_codes_file(path: Path) -> CodeSnapshot:
    """Read a snapshot.

    Raises:
        UsageError: absent, not TOML, of another schema, a field is missing, or a code lies outside 0..255.
        VersionMismatchError: another schema version.
    """
    table = read_schema(path, SCHEMA, SCHEMA_VERSION)
    for key, kind in (("chip_uid", str), ("image_digest", str), ("codes", list)):
        if not isinstance(table.get(key), kind):
            raise UsageError(
                f"the code file lacks '{key}'", evidence=str(path), next_step="write it again with `nt-host codes dump`"
            )
    codes = table["codes"]
    for place, code in enumerate(codes):
        if type(code) is not int or not 0 <= code <= 255:
            raise UsageError(
                "a code in the file lies outside 0..255",
                evidence=f"code {code!r} of domain {place}",
                next_step="repair the file or write it again with `nt-host codes dump`",
            )
    return CodeSnapshot(
        np.array(codes, np.uint8),
        table["chip_uid"],
        table["image_digest"],
        str(table.get("date", "")),
        _units(path, table),
    )


def _units(path: Path, table: Mapping[str, Any]) -> CodeUnits:
    """Units of a code file; files from before there were calibrations do not say them and are raw."""
    units = table.get("units", RAW)
    if units not in (RAW, CALIBRATED):
        raise UsageError(
            "the code file has unknown units",
            evidence=f"{path}: {units!r}",
            next_step="write it again with `nt-host codes dump`",
        )
    return CodeUnits(units, str(table.get("corrections", "")))


@dataclass(frozen=True)
class Leniency:
    """What of another origin is taken all the same: `any_chip`, raw codes of another chip; `any_units`, raw codes on
    a calibrated chip and the reverse."""

    any_chip: bool = False
    any_units: bool = False


def codes_for(
    snapshot: CodeSnapshot, info: ChipInfo, units: CodeUnits = RAW_CODES, lenient: Leniency = Leniency()
) -> NDArray[np.uint8]:
    """The snapshot's codes, where they mean on the chip of `info` what they meant where they were learned.

    Calibrated codes mean the same on every calibrated chip with the same image; raw codes mean something on their
    own chip alone. Codes of another image are never taken.

    Args:
        units: of the codes of the chip as it is now.

    Raises:
        UsageError: another image, other units, raw codes of another chip, or another number of codes.
    """
    if snapshot.image_digest != info.image_digest:
        raise UsageError(
            "the code file belongs to another image",
            evidence=f"file {snapshot.image_digest[:12]}, chip {info.image_digest[:12]}",
            next_step="load codes of this image, or adapt the chip with `nt-host adapt`",
        )
    _check_units(snapshot, units, lenient)
    shared = snapshot.units.calibrated and units.calibrated
    if snapshot.chip_uid != info.uid and not (shared or lenient.any_chip):
        raise UsageError(
            "the code file belongs to another chip",
            evidence=f"file {snapshot.chip_uid}, chip {info.uid}",
            next_step="calibrate both chips (`nt-host calibrate`) and learn in calibrated codes, which any chip takes; "
            "or give `--any-chip` if you mean it",
        )
    if len(snapshot.codes) != info.n_codes:
        raise UsageError(
            "the code file has the wrong number of codes",
            evidence=f"file {len(snapshot.codes)}, chip {info.n_codes}",
            next_step="write it again with `nt-host codes dump`",
        )
    return snapshot.codes


def _check_units(snapshot: CodeSnapshot, units: CodeUnits, lenient: Leniency) -> None:
    if snapshot.units.calibrated == units.calibrated or lenient.any_units:
        return
    if snapshot.units.calibrated:
        raise UsageError(
            "the codes are calibrated ones and the chip is not calibrated",
            evidence=f"learned with corrections {snapshot.units.corrections} of chip {snapshot.chip_uid}; "
            "the chip holds no corrections",
            next_step="calibrate it with `nt-host calibrate` or `nt-host calibrate --apply`, "
            "or give `--any-units` if you mean it",
        )
    raise UsageError(
        "the codes are the own ones of an uncalibrated chip and the chip is calibrated",
        evidence=f"learned on chip {snapshot.chip_uid} without corrections; the chip holds {units.corrections}",
        next_step="load them with `--calibration none`, or give `--any-units` if you mean it",
    )
