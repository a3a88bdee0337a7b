"""The tests of this folder once more, with the core compiled under the address and undefined-behaviour sanitizers."""

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
pytestmark = pytest.mark.timeout(900)  # the dearest build of all
PROVOKED = """
import sys
from tests.core.sanitized import core_replace
core_replace(sys.argv[1])
from nt_model._core import ffi, lib
room = ffi.from_buffer(bytearray(64))
lib.nt_crc32c_extend(0, room, 100_000)
"""


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("gcc") is None or sys.platform != "linux":
        pytest.skip("not on this platform: the sanitizers are those of GCC on Linux")
    folder = tmp_path_factory.mktemp("sanitized")
    before = os.environ.get("CC")
    os.environ["CC"] = "gcc"
    try:
        return str(make_ffi(ROOT, FLAGS).compile(tmpdir=str(folder)))
    finally:
        if before is None:
            del os.environ["CC"]
        else:
            os.environ["CC"] = before


def run_sanitized(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    environment = os.environ | {
        "LD_PRELOAD": " ".join(libraries),
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
