"""Checkpoint of a run: all that the steps to come depend on, in one NPZ file that is replaced atomically.

Minibatches, draws and rates are functions of (seed, step), so no random generator has a state to keep. What the chip
does depends on its codes, which are here, and on its silicon. A simulated chip's noise and drift follow its sample
counter, to which a fresh one is brought again (`nt_host.ageing`), so that a run on any corner ends with the same codes
after any number of kills. A chip with noise that lives on draws anew whenever it is asked; a resumed run then goes on
from the same codes and the same rule state, which is all that a host can promise.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_host.adapt.stop import Best
from nt_host.readout import Accuracy
from nt_model.errors import UsageError, VersionMismatchError
from nt_model.image_file import write_atomically

SCHEMA_VERSION = 1
RULE_PREFIX = "rule."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a run after `step` learning steps.

    Attributes:
        step: learning steps done, over all rounds.
        round_begin: step at which the present round began; 0 in the first.
        codes: (n_codes,) uint8 on the chip.
        start_codes: (n_codes,) uint8 that the run started from.
        rule_state: arrays of the rule's state by name.
        best: state of the early stop; None where nothing is held out.
        samples_presented: by the chip since power-on, as its status says.
        code_bytes: bytes of codes written so far.
        wire_bytes: bytes on the wire so far, both directions.
        seconds: time spent so far.
        chip_uid, image_digest: what the run belongs to.
    """

    step: int
    round_begin: int
    codes: NDArray[np.uint8]
    start_codes: NDArray[np.uint8]
    rule_state: Mapping[str, NDArray[np.generic]]
    best: Best | None
    samples_presented: int
    code_bytes: int
    wire_bytes: int
    seconds: float
    chip_uid: str
    image_digest: str


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file at `path`; a reader sees the old or the new checkpoint."""
    arrays: dict[str, NDArray[np.generic]] = {
        "schema_version": np.array(SCHEMA_VERSION),
        "step": np.array(checkpoint.step),
        "round_begin": np.array(checkpoint.round_begin),
        "codes": checkpoint.codes,
        "start_codes": checkpoint.start_codes,
        "samples_presented": np.array(checkpoint.samples_presented),
        "code_bytes": np.array(checkpoint.code_bytes),
        "wire_bytes": np.array(checkpoint.wire_bytes),
        "seconds": np.array(checkpoint.seconds),
        "chip_uid": np.array(checkpoint.chip_uid),
        "image_digest": np.array(checkpoint.image_digest),
    }
    arrays.update({RULE_PREFIX + name: array for name, array in checkpoint.rule_state.items()})
    best = checkpoint.best
    if best is not None:
        arrays["best.codes"] = best.codes
        arrays["best.start"] = np.array(astuple(best.start))
        arrays["best.accuracy"] = np.array(astuple(best.accuracy))
        arrays["best.counters"] = np.array([best.step, best.waited])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _accuracy(row: NDArray[np.generic]) -> Accuracy:
    argmax, strict, margin, n = (float(value) for value in row.astype(np.float64))
    return Accuracy(argmax, strict, margin, int(n))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint at `path`.

    Raises:
        UsageError: absent, damaged or incomplete.
        VersionMismatchError: written with another schema version.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if int(arrays["schema_version"]) != SCHEMA_VERSION:
            raise VersionMismatchError(
                "the checkpoint has another schema version",
                evidence=f"{path}: {int(arrays['schema_version'])}",
                next_step="start the run anew with `nt-host adapt --out OTHER`",
            )
        best = None
        if "best.codes" in arrays:
            counters = arrays["best.counters"]
            best = Best(
                _accuracy(arrays["best.start"]),
                _accuracy(arrays["best.accuracy"]),
                arrays["best.codes"],
                int(counters[0]),
                int(counters[1]),
            )
        rule_state = {name[len(RULE_PREFIX) :]: array for name, array in arrays.items() if name.startswith(RULE_PREFIX)}
        return Checkpoint(
            step=int(arrays["step"]),
            round_begin=int(arrays["round_begin"]),
            codes=arrays["codes"],
            start_codes=arrays["start_codes"],
            rule_state=rule_state,
            best=best,
            samples_presented=int(arrays["samples_presented"]),
            code_bytes=int(arrays["code_bytes"]),
            wire_bytes=int(arrays["wire_bytes"]),
            seconds=float(arrays["seconds"]),
            chip_uid=str(arrays["chip_uid"]),
            image_digest=str(arrays["image_digest"]),
        )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(
            "the run's checkpoint cannot be read",
            evidence=f"{path}: {error}",
            next_step="start the run anew with `nt-host adapt --out OTHER`",
        ) from error
