"""The verdict on a port: each check on each port, or on the one that --chip names."""

from __future__ import annotations

import pytest

from tests.port_conformance.bench import Bench
from tests.port_conformance.checks import CHECKS

pytestmark = pytest.mark.timeout(600)
"""A real board with its shipped firmware takes five minutes for the silent host."""


@pytest.mark.parametrize("check", CHECKS)
def test_port(bench: Bench, check: str) -> None:
    CHECKS[check](bench)
