"""The fuzzers build, their seeds pass, and half a minute of them finds nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[2] / "firmware" / "fuzz"
pytestmark = pytest.mark.fuzz


def make(target: str, build: Path, *variables: str) -> str:
    if shutil.which("clang") is None or shutil.which("make") is None:
        pytest.skip("clang is not installed; try `apt-get install -y clang libclang-rt-14-dev make`")
    command = ["make", "-C", str(FUZZ), f"BUILD={build}", *variables, target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    make("all", folder)
    return folder


@pytest.mark.parametrize("name", ["frame", "core"])
def test_seeds_are_clean(build: Path, name: str) -> None:
    command = [str(build / f"nt-fuzz-{name}"), "-runs=0", str(build / "seeds" / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.timeout(400)
def test_half_a_minute_finds_nothing(build: Path) -> None:
    found = dict(re.findall(r"(\w+): cov: \d+ edges, (\d+) executions", make("run", build, "SECONDS=30")))
    assert found.keys() == {"frame", "core"}
    assert int(found["frame"]) > 1000
    assert int(found["core"]) > 100
