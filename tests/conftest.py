"""Shared by all tests: in CI a skip that hides what is missing is a failure; a run may have several processes."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything loads a library that reads it: the small networks here lose more by several threads than they gain.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from tests.longest_first import place_of

ALLOWED_IN_CI = "not on this platform"

# An example's time says how busy the machine is. All else stays as hypothesis has it, in CI too.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")


def is_one_of_many(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


@pytest.fixture(scope="session")
def run_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this test run, the same one in all of its processes."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if is_one_of_many(request.config) else own


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_one_of_many(config):
        items.sort(key=lambda item: place_of(item.path))


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why `report` is a skip that CI does not allow, or None."""
    if not report.skipped or not os.environ.get("CI") or hasattr(report, "wasxfail"):
        return None
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return None if ALLOWED_IN_CI in reason else reason


def skip_fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = skip_reason(report)
    if reason is not None:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped in CI, where nothing may be missing: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):  # type: ignore[no-untyped-def]
    outcome = yield
    skip_fail(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):  # type: ignore[no-untyped-def]
    """A module may skip itself as a whole, by `pytest.importorskip` at its top."""
    outcome = yield
    skip_fail(outcome.get_result())
