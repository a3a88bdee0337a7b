"""A calibration on disk: one NPZ file that holds a TOML text for people, the arrays, and a digest of itself.

The file is an ordinary NPZ (`numpy.load` opens it, `unzip -p FILE calibration.toml` shows the text). Its archive
comment, the last bytes of the file, is the SHA-256 of all bytes before it, so that no truncation and no flipped bit
goes unnoticed; docs/spec_calibration.md has the fields.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from nt_calib.judge import figures_of
from nt_calib.options import Options
from nt_calib.result import Calibration, Conditions, Cost, LayerFindings
from nt_calib.verdict import Verdict
from nt_model.correction import Corrections
from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import write_atomically

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

SCHEMA = "nt-calibration"
SCHEMA_VERSION = 1
TEXT_NAME = "calibration.toml"
SEAL = b"sha256:"
SEAL_BYTES = len(SEAL) + 64
MEASURE_AGAIN = "measure the chip again with `nt-host calibrate`"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of all members: the same calibration gives the same bytes."""
_WHOLE_NUMBERS = {"verdict": np.dtype(np.int8)}


def _dtype(name: str) -> np.dtype[Any]:
    return _WHOLE_NUMBERS.get(name, np.dtype(np.float64))


def head_of(calibration: Calibration) -> dict[str, Any]:
    """What people read of `calibration`: plain values, as the file's TOML text and JSON records have them."""
    figures = figures_of(calibration)
    verdicts = np.concatenate([layer.verdict for layer in calibration.layers])
    return {
        "chip_uid": calibration.uid,
        "image_digest": calibration.image_digest,
        "date": calibration.date,
        "layer_neurons": [len(layer.verdict) for layer in calibration.layers],
        "conditions": {name: value for name, value in asdict(calibration.conditions).items() if value is not None},
        "options": asdict(calibration.options),
        "cost": {**asdict(calibration.cost), "wire_s_at_921600_baud": calibration.cost.wire_s()},
        "figures": {**asdict(figures), "sigma_ratio": figures.ratio},
        "verdicts": {one.name.lower(): int((verdicts == one).sum()) for one in Verdict},
    }


def _arrays(calibration: Calibration) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"corrections": calibration.corrections.pack()}
    for index, layer in enumerate(calibration.layers):
        for field in fields(LayerFindings):
            arrays[f"layer_{index}.{field.name}"] = np.asarray(getattr(layer, field.name), _dtype(field.name))
    return arrays


def calibration_bytes(calibration: Calibration) -> bytes:
    """The file of `calibration`; the same calibration gives the same bytes."""
    text = tomli_w.dumps({"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **head_of(calibration)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(TEXT_NAME, _EPOCH), text)
        for name, array in _arrays(calibration).items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), member.getvalue())
        archive.comment = SEAL + b"0" * 64
    body = buffer.getvalue()[:-SEAL_BYTES]
    return body + SEAL + hashlib.sha256(body).hexdigest().encode()


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write the file atomically: at any moment `path` holds the old content or the new.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        write_atomically(path, calibration_bytes(calibration))
    except OSError as error:
        raise UsageError(
            "the calibration cannot be written",
            evidence=str(error),
            next_step="name a folder that you can write with `--calibration-dir`",
        ) from error


def _refused(cause: str, path: Path, evidence: str) -> UsageError:
    return UsageError(cause, evidence=f"{path}: {evidence}", next_step=MEASURE_AGAIN)


def _unsealed(path: Path, data: bytes) -> zipfile.ZipFile:
    """The archive in `data`, once its digest is seen to be right."""
    body, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if not seal.startswith(SEAL) or not body.startswith(b"PK"):
        raise _refused("the file is truncated or is no calibration", path, f"{len(data)} bytes, no digest at their end")
    stated, seen = seal[len(SEAL) :], hashlib.sha256(body).hexdigest().encode()
    if stated != seen:
        told = f"it states digest {stated[:16].decode('ascii', 'replace')}..., its content has {seen[:16].decode()}..."
        raise _refused("the calibration file has been altered", path, told)
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise _refused("the file is no calibration", path, str(error)) from error


def _head(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        head: dict[str, Any] = tomllib.loads(archive.read(TEXT_NAME).decode())
    except (KeyError, ValueError) as error:
        raise _refused("the file is no calibration", path, f"{TEXT_NAME}: {error}") from error
    if head.get("schema") != SCHEMA:
        raise _refused("the file is no calibration", path, f"schema {head.get('schema')!r}")
    if head.get("schema_version") != SCHEMA_VERSION:
        raise VersionMismatchError(
            "the calibration file has another schema version",
            evidence=f"{path}: {head.get('schema_version')!r}, this program reads {SCHEMA_VERSION}",
            next_step="use the nt-host that wrote it, or measure the chip again with `nt-host calibrate`",
        )
    return head


def _layer(archive: zipfile.ZipFile, index: int, neurons: int) -> LayerFindings:
    arrays = {}
    for field in fields(LayerFindings):
        array = _array(archive, f"layer_{index}.{field.name}")
        if array.dtype != _dtype(field.name) or array.shape[:1] != (neurons,):
            raise ValueError(f"{field.name} of layer {index} is {array.dtype} {array.shape}")
        arrays[field.name] = array
    return LayerFindings(**arrays)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _known(kind: type, table: Mapping[str, Any]) -> Any:
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in table.items() if name in names})


def read_calibration(path: Path) -> Calibration:
    """The calibration in the file at `path`.

    Raises:
        UsageError: absent, truncated, altered, or not a calibration.
        VersionMismatchError: written with another schema version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            "the calibration file cannot be read",
            evidence=f"{path}: {error.strerror}",
            next_step="check the path, or measure the chip with `nt-host calibrate`",
        ) from error
    return parse_calibration(data, path)


def parse_calibration(data: bytes, path: Path) -> Calibration:
    """The calibration in `data`, the content of `path`; raises as `read_calibration`."""
    with _unsealed(path, data) as archive:
        head = _head(path, archive)
        try:
            layers = tuple(_layer(archive, index, count) for index, count in enumerate(head["layer_neurons"]))
            return Calibration(
                head["chip_uid"],
                head["image_digest"],
                layers,
                Corrections.unpack(_array(archive, "corrections")),
                _known(Options, head["options"]),
                _known(Conditions, head["conditions"]),
                _known(Cost, head["cost"]),
                head["date"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _refused("the calibration file lacks something", path, str(error)) from error


def require_owner(calibration: Calibration, uid: str, image_digest: str) -> None:
    """Refuse a calibration of another chip or another image.

    Args:
        uid, image_digest: of the chip that it is to be used on.

    Raises:
        UsageError: it belongs to another one.
    """
    for what, owner, here in (("chip", calibration.uid, uid), ("image", calibration.image_digest, image_digest)):
        if owner != here:
            raise UsageError(
                f"the calibration belongs to another {what}",
                evidence=f"the file is of {what} {owner[:16]}, here is {what} {here[:16]}",
                next_step="calibrate this chip with `nt-host calibrate`, or name its own file",
            )
