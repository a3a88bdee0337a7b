"""The tests of this folder once more, with the core compiled under the address, behaviour and thread sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nt_model.core_build import make_ffi

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REPLAYED = ("test_array.py", "test_learn.py", "test_image.py", "test_frame.py")
FLAGS = ("-O1", "-g", "-std=c11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
RACE_FLAGS = ("-O1", "-g", "-std=c11", "-fsanitize=thread")
RACE_ENVIRONMENT = {"TSAN_OPTIONS": "exitcode=66", "OPENBLAS_NUM_THREADS": "1"}
pytestmark = pytest.mark.timeout(900)  # the dearest build of all
PROVOKED = """
import sys
from tests.core.sanitized import core_replace
core_replace(sys.argv[1])
from nt_model._core import ffi, lib
room = ffi.from_buffer(bytearray(64))
lib.nt_crc32c_extend(0, room, 100_000)
"""


def compiled(folder: Path, flags: tuple[str, ...]) -> str:
    """Path of the extension, built with `flags` in `folder`."""
    if shutil.which("gcc") is None or sys.platform != "linux":
        pytest.skip("not on this platform: the sanitizers are those of GCC on Linux")
    before = os.environ.get("CC")
    os.environ["CC"] = "gcc"
    try:
        return str(make_ffi(ROOT, flags).compile(tmpdir=str(folder)))
    finally:
        if before is None:
            del os.environ["CC"]
        else:
            os.environ["CC"] = before


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled(tmp_path_factory.mktemp("sanitized"), FLAGS)


def library(name: str) -> str:
    """Path of a library of GCC."""
    return subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def run_sanitized(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LD_PRELOAD": " ".join(library(name) for name in ("libasan.so", "libubsan.so")),
        # The interpreter itself leaks, and its own allocator would hide overruns of its objects.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "NT_CORE_EXAMPLES": "40",
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_an_overrun_would_be_seen(extension: str) -> None:
    """Negative control: reading beyond a buffer ends the process."""
    done = run_sanitized(["-c", PROVOKED, extension])
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr


def test_suite_is_clean(extension: str) -> None:
    done = run_sanitized(["-m", "tests.core.sanitized", extension, *(str(HERE / name) for name in REPLAYED)])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.mark.slow
def test_threads_do_not_race(tmp_path: Path) -> None:
    """The thread sanitizer ends with 66 where two threads touch the same memory and nothing orders them; it knows
    no threads that start in a child after fork."""
    program = compiled(tmp_path, RACE_FLAGS)
    tests = ["-m", "tests.core.sanitized", program, str(HERE / "test_threads.py"), "-k", "not child"]
    # It wants its own addresses, which a random layout may have taken.
    command = ["setarch", "-R", sys.executable, *tests]
    environment = os.environ | RACE_ENVIRONMENT | {"LD_PRELOAD": library("libtsan.so")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "WARNING: ThreadSanitizer" not in done.stdout + done.stderr
