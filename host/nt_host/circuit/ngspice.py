"""ngspice in batch mode: one process per netlist, results read from its raw file into NumPy."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import EnvironmentMissingError, NtError

FloatArray = NDArray[np.float64]
PACKAGE_COMMAND = "apt-get install --no-install-recommends ngspice"
TIMEOUT_S = 900
_DATA_MARK = b"Binary:\n"


class SimulationError(NtError):
    """ngspice ended without a result."""


@dataclass(frozen=True, eq=False)
class Traces:
    """One analysis: `axis` (S,) float64, seconds or volts; `values` (S,) float64 per saved node, volts or amperes."""

    axis: FloatArray
    values: dict[str, FloatArray]


def ngspice_path() -> str:
    """Path of the simulator; EnvironmentMissingError with the command that installs it."""
    path = shutil.which("ngspice")
    if path is None:
        raise EnvironmentMissingError(
            "the circuit simulator ngspice is not installed",
            evidence="no `ngspice` on the path",
            next_step=f"`{PACKAGE_COMMAND}`",
        )
    return path


def ngspice_version() -> str:
    """For example 'ngspice-39'."""
    told = subprocess.run([ngspice_path(), "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    return next((word for word in told.split() if word.startswith("ngspice-")), "ngspice of unknown version")


def parse_raw(data: bytes) -> Traces:
    """The single real-valued plot of a binary raw file.

    Raises:
        SimulationError: truncated, or not what batch mode writes.
    """
    head, mark, body = data.partition(_DATA_MARK)
    fields: dict[str, str] = {}
    names: list[str] = []
    for line in head.decode("ascii", "replace").splitlines():
        if line.startswith("\t"):
            names.append(line.split()[1].lower())
        else:
            key, _, text = line.partition(":")
            fields[key] = text.strip()
    if not mark or "complex" in fields.get("Flags", "complex"):
        raise SimulationError("the result of ngspice is no raw file of real numbers", evidence=repr(data[:60]))
    rows, columns = int(fields["No. Points"]), int(fields["No. Variables"])
    if len(names) != columns or len(body) < rows * columns * 8:
        raise SimulationError(
            "the result of ngspice is cut short",
            evidence=f"{len(names)} of {columns} names, {len(body)} of {rows * columns * 8} bytes",
        )
    table = np.frombuffer(body, "<f8", rows * columns).reshape(rows, columns)
    return Traces(table[:, 0].copy(), {name: table[:, i].copy() for i, name in enumerate(names) if i > 0})


def simulate(netlist: str) -> Traces:
    """Run `netlist`, whose saved nodes come back; blocks until the simulator ends.

    Raises:
        EnvironmentMissingError: ngspice is missing.
        SimulationError: it refused the netlist, did not converge or ran out of time.
    """
    program = ngspice_path()
    with tempfile.TemporaryDirectory(prefix="nt-circuit-") as folder:
        source, raw = Path(folder) / "circuit.cir", Path(folder) / "circuit.raw"
        source.write_text(netlist, encoding="ascii")
        try:
            done = subprocess.run(
                [program, "-b", "-r", str(raw), str(source)],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SimulationError("ngspice did not end", evidence=f"after {TIMEOUT_S} s") from error
        if not raw.is_file():
            said = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line or "oo small" in line]
            raise SimulationError("ngspice gave no result", evidence="; ".join(said[:3]) or f"status {done.returncode}")
        return parse_raw(raw.read_bytes())
