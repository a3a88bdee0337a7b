"""The order of a run in several processes: files that take longest first, so that all processes end together."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
LONGEST = (
    "device/test_fuzz.py",
    "port_conformance/test_port.py",
    "firmware/test_adapt_on_emulator.py",
    "core/test_sanitizers.py",
    "port_conformance/test_faults.py",
    "firmware/test_power_fuse.py",
    "firmware/nv/test_nv.py",
    "core/test_host_build.py",
    "host/test_calibrate.py",
    "test_runs.py",
    "firmware/flash/test_flash.py",
    "host/test_bad_input.py",
    "core/test_build.py",
    "host/test_resume.py",
    "calib/test_journal.py",
    "host/paper/test_tables.py",
)
"""All that take more than ten seconds, about from the longest down (`pytest --durations=0`)."""

_PLACE = {HERE / name: place for place, name in enumerate(LONGEST)}


def place_of(path: Path) -> int:
    """Rank of a test file; all that are not listed share the last one."""
    return _PLACE.get(path, len(LONGEST))
