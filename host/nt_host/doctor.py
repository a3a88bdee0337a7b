"""Check the machine: what works, what is missing, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass

from nt_hil.open import list_ports
from nt_host.circuit.ngspice import PACKAGE_COMMAND
from nt_host.tasks import emg, enose
from nt_host.tasks.recordings import DATA_DIR_VARIABLE, data_dir

STATES = ("good", "missing", "bad")


@dataclass(frozen=True)
class Finding:
    """One check: `state` is good, missing (optional and not there) or bad; `detail` says what was seen, `next_step`
    how to mend it."""

    name: str
    state: str
    detail: str
    next_step: str = ""


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", "good", version)


def _core() -> Finding:
    if importlib.util.find_spec("nt_model._core") is None:
        return Finding(
            "C engine",
            "bad",
            "the extension nt_model._core is not built",
            "install a C compiler and run `pip install -e .`, or give `--engine numpy`",
        )
    return Finding("C engine", "good", "built")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("PyTorch", "missing", "only pretraining needs it", "pip install nt-host[pretrain]")
    return Finding("PyTorch", "good", "installed")


def _ngspice() -> Finding:
    if shutil.which("ngspice") is None:
        return Finding("ngspice", "missing", "only experiments circuit and xor need it", PACKAGE_COMMAND)
    return Finding("ngspice", "good", "installed")


def _recordings() -> list[Finding]:
    folder = data_dir()
    if folder is None:
        return [
            Finding(
                "recordings",
                "missing",
                f"{DATA_DIR_VARIABLE} is not set",
                f"set {DATA_DIR_VARIABLE} to the folder of the recordings; only tasks enose and emg need them",
            )
        ]
    findings = []
    for recording in (enose.RECORDING, emg.RECORDING):
        if (folder / recording.file_name).is_file():
            findings.append(Finding(recording.file_name, "good", "found"))
        else:
            findings.append(Finding(recording.file_name, "missing", f"not in {folder}", recording.origin))
    return findings


def _serial() -> list[Finding]:
    found = list_ports()
    if not found:
        return [Finding("serial ports", "missing", "none is attached", "`--port sim:typical` needs none")]
    findings = []
    for port in found:
        if os.access(port.path, os.R_OK | os.W_OK):
            findings.append(Finding(port.path, "good", "may be opened"))
        else:
            findings.append(
                Finding(
                    port.path,
                    "bad",
                    "no permission to open it",
                    "add yourself to its group (often dialout) and log in again",
                )
            )
    return findings


def examine() -> list[Finding]:
    """All checks."""
    return [_python(), _core(), _torch(), _ngspice(), *_recordings(), *_serial()]
