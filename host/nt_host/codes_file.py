"""Code snapshots: the codes of one chip with one image, as a TOML file that people can read and edit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import ChipInfo
from nt_host.toml_file import read_schema, write_toml
from nt_model.errors import UsageError

SCHEMA = "nt-codes"
SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class CodeSnapshot:
    """`codes` (n_codes,) uint8 of the chip `chip_uid` (16 hexadecimal digits) with the image `image_digest` (64);
    `date` ISO 8601, UTC."""

    codes: NDArray[np.uint8]
    chip_uid: str
    image_digest: str
    date: str


def snapshot_of(info: ChipInfo, codes: NDArray[np.uint8]) -> CodeSnapshot:
    """Snapshot of `codes` (n_codes,) as the chip of `info` holds them now."""
    return CodeSnapshot(
        codes.copy(), info.uid, info.image_digest, datetime.now(timezone.utc).isoformat(timespec="seconds")
    )


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
    return CodeSnapshot(np.array(codes, np.uint8), table["chip_uid"], table["image_digest"], str(table.get("date", "")))


def codes_for(snapshot: CodeSnapshot, info: ChipInfo, *, any_chip: bool = False) -> NDArray[np.uint8]:
    """The snapshot's codes, where they belong on the chip of `info`.

    Args:
        any_chip: take codes of another chip with the same image; codes of another image are never taken.

    Raises:
        UsageError: another image, another chip without `any_chip`, or another number of codes.
    """
    if snapshot.image_digest != info.image_digest:
        raise UsageError(
            "the code file belongs to another image",
            evidence=f"file {snapshot.image_digest[:12]}, chip {info.image_digest[:12]}",
            next_step="load codes of this image, or adapt the chip with `nt-host adapt`",
        )
    if snapshot.chip_uid != info.uid and not any_chip:
        raise UsageError(
            "the code file belongs to another chip",
            evidence=f"file {snapshot.chip_uid}, chip {info.uid}",
            next_step="load this chip's own codes, or give `--any-chip` if you mean it",
        )
    if len(snapshot.codes) != info.n_codes:
        raise UsageError(
            "the code file has the wrong number of codes",
            evidence=f"file {len(snapshot.codes)}, chip {info.n_codes}",
            next_step="write it again with `nt-host codes dump`",
        )
    return snapshot.codes
