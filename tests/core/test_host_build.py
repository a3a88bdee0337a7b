"""The kernels of hosts compile without a warning, by GCC and Clang, and keep no state between calls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "firmware" / "host"
FLAGS = (
    "-std=c11",
    "-O2",
    "-fno-pie",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Wconversion",
    "-Wcast-qual",
    "-Wno-psabi",
    "-Werror",
)
COMPILERS = [name for name in ("gcc", "clang", "aarch64-linux-gnu-gcc") if shutil.which(name)]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("unit", sorted(path.name for path in HOST.glob("*.c")))
def test_unit_compiles_cleanly(unit: str, compiler: str, tmp_path: Path) -> None:
    target = tmp_path / "unit.o"
    command = [compiler, *FLAGS, "-I", str(ROOT / "firmware" / "core"), "-c", str(HOST / unit), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kinds = {
        line.split()[-2]
        for line in subprocess.run(["nm", str(target)], capture_output=True, text=True, check=True).stdout.splitlines()
        if len(line.split()) == 3
    }
    assert not {"B", "b", "C", "D"} & kinds
