"""What a test run promises, in one process and in two: missing tools fail in CI, seeds are told, builds happen once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.build_once import built_once
from tests.longest_first import HERE, LONGEST, place_of

ROOT = HERE.parent
WAYS = {"alone": (), "two processes": ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")}
MISSING = """
import pytest
def test_needs_a_tool():
    pytest.skip("no-such-tool is not installed")
"""
MISSING_AT_IMPORT = """
import pytest
pytest.importorskip("no_such_module")
def test_never_reached():
    pass
"""
OTHER_PLATFORM = """
import pytest
def test_of_another_platform():
    pytest.skip("not on this platform")
def test_of_this_one():
    pass
"""
SEEDED = """
from hypothesis import given, strategies as st
def test_prints_its_seed():
    print("seed 4711")
    assert False
@given(st.integers(0, 1000))
def test_has_a_counterexample(number):
    assert number < 17
"""


def pytest_run(folder: Path, sources: list[str], way: tuple[str, ...], *, ci: bool) -> tuple[int, str, str]:
    """Exit status, output and its last line of pytest with this suite's conftest on made-up files."""
    for number, source in enumerate(sources):
        (folder / f"test_made_{number}.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if name != "CI" and "PYTEST" not in name}
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", *way]
    done = subprocess.run(
        [*command, "-c", str(folder / "pytest.ini"), str(folder)],
        cwd=ROOT,
        env=environment | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_missing_tools_fail_in_ci_and_failures_tell_their_seeds(tmp_path: Path, way: tuple[str, ...]) -> None:
    status, told, last = pytest_run(tmp_path, [MISSING, OTHER_PLATFORM, SEEDED], way, ci=True)
    assert status == 1, told
    assert "3 failed, 1 passed, 1 skipped" in last
    assert "skipped in CI, where nothing may be missing: Skipped: no-such-tool is not installed" in told
    assert "seed 4711" in told
    assert "number=17" in told


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_module_that_skips_itself_fails_in_ci(tmp_path: Path, way: tuple[str, ...]) -> None:
    status, told, last = pytest_run(tmp_path, [MISSING_AT_IMPORT], way, ci=True)
    assert status not in (0, 5), told
    assert "skipped in CI, where nothing may be missing" in told
    assert "error" in last


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_elsewhere_what_is_missing_is_skipped(tmp_path: Path, way: tuple[str, ...]) -> None:
    status, told, last = pytest_run(tmp_path, [MISSING, MISSING_AT_IMPORT, OTHER_PLATFORM], way, ci=False)
    assert status == 0, told
    assert "1 passed, 3 skipped" in last


def test_files_that_start_first_are_there_and_hold_the_first_places() -> None:
    assert [place_of(HERE / name) for name in LONGEST] == list(range(len(LONGEST)))
    assert [name for name in LONGEST if not (HERE / name).is_file()] == []
    assert place_of(HERE / "test_of_no_length.py") == len(LONGEST)


@pytest.mark.parametrize("code", [0, 3])
def test_a_build_runs_once_and_all_get_its_outcome(tmp_path: Path, code: int) -> None:
    mark = tmp_path / "runs"
    command = ["sh", "-c", f"echo run >> {mark}; sleep 0.2; echo told >&2; exit {code}"]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: built_once(tmp_path / "build", command), range(4)))
    assert mark.read_text() == "run\n"
    assert {(done.returncode, done.stderr) for done in outcomes} == {(code, "told\n")}
