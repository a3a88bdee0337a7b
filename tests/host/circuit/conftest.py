"""Tests that simulate need ngspice; without it they are skipped, which fails in CI."""

from __future__ import annotations

import shutil

import pytest

from nt_host.circuit.ngspice import PACKAGE_COMMAND


@pytest.fixture
def ngspice() -> None:
    if shutil.which("ngspice") is None:
        pytest.skip(f"ngspice is not installed; try `{PACKAGE_COMMAND}`")
