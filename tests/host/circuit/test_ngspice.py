"""The simulator as a tool: it may be missing, fail or leave half a file, and each is told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nt_host.circuit.ngspice import SimulationError, parse_raw, simulate
from tests.host.conftest import RunCli

DIVIDER = "* divider\nv1 a 0 1\nr1 a b 1k\nr2 b 0 3k\n.save v(b)\n.dc v1 0 4 1\n.end\n"


def raw_file(rows: int = 3) -> bytes:
    head = f"Title: t\nPlotname: p\nFlags: real\nNo. Variables: 2\nNo. Points: {rows}\nVariables:\n"
    table = np.arange(2 * rows, dtype="<f8").tobytes()
    return (head + "\t0\ttime\ttime\n\t1\tv(X)\tvoltage\nBinary:\n").encode() + table


def test_a_raw_file_is_read_column_by_column() -> None:
    traces = parse_raw(raw_file())
    assert traces.axis.tolist() == [0, 2, 4]
    assert traces.values["v(x)"].tolist() == [1, 3, 5]


@pytest.mark.parametrize("cut", [1, 8, 60])
def test_a_cut_raw_file_is_refused(cut: int) -> None:
    with pytest.raises(SimulationError):
        parse_raw(raw_file()[:-cut])


@pytest.mark.circuit
def test_a_divider_divides(ngspice: None) -> None:
    traces = simulate(DIVIDER)
    np.testing.assert_allclose(traces.values["v(b)"], 0.75 * traces.axis, rtol=1e-6)


@pytest.mark.circuit
def test_a_broken_netlist_is_an_error_with_evidence(ngspice: None) -> None:
    with pytest.raises(SimulationError, match="no result"):
        simulate("* broken\nm1 a b\n.tran 1n 1u\n.end\n")


def test_without_ngspice_the_experiment_names_the_command_and_ends_with_3(
    cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    done = cli("experiment", "circuit", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "apt-get install --no-install-recommends ngspice" in done.stderr


def test_a_study_refuses_options_that_it_would_ignore(cli: RunCli, tmp_path: Path) -> None:
    done = cli("experiment", "circuit", "--out", tmp_path / "out", "--steps", "3")
    assert done.returncode == 2
    assert "steps" in done.stderr
