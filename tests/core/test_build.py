"""The core compiles without a C library, warns of nothing and asks a board for nothing but memory moves."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "firmware" / "core"
FLAGS = (
    "-std=c11",
    "-ffreestanding",
    "-fno-pie",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wcast-qual",
    "-pedantic",
    "-Werror",
)
M4 = ("-mcpu=cortex-m4", "-mthumb")
COMPILERS = {
    name: command
    for name, command in {
        "gcc": ("gcc",),
        "clang": ("clang",),
        "cortex-m4": ("arm-none-eabi-gcc", *M4),
    }.items()
    if shutil.which(command[0])
}
MEMORY_MOVES = {"memcpy", "memset", "memmove", "memcmp"}
ARM_ARITHMETIC = "__aeabi_"
"""64-bit shifts and divisions of the ARM run-time, which come with every compiler."""


Objects = Callable[[str, str], list[Path]]


def compiled(compiler: str, level: str, folder: Path) -> list[Path]:
    found = []
    for source in sorted(CORE.glob("*.c")):
        target = folder / f"{source.stem}.o"
        command = [*COMPILERS[compiler], *FLAGS, level, "-c", str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(target)
    return found


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """Object files by compiler and level, compiled once."""
    return functools.cache(
        lambda compiler, level: compiled(compiler, level, tmp_path_factory.mktemp(f"{compiler}{level}"))
    )


def symbols(files: list[Path], which: str) -> set[str]:
    listing = subprocess.run(["nm", which, *map(str, files)], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in listing.splitlines() if line and not line.endswith(":")}


def test_a_compiler_is_there() -> None:
    assert "gcc" in COMPILERS or "clang" in COMPILERS, "no C compiler; try: apt-get install gcc"


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_sources_are_freestanding_c11(compiler: str, level: str, objects: Objects) -> None:
    files = objects(compiler, level)
    missing = symbols(files, "--undefined-only") - symbols(files, "--defined-only") - MEMORY_MOVES
    assert {name for name in missing if not name.startswith(ARM_ARITHMETIC)} == set()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_variable_outlives_a_call(compiler: str, objects: Objects) -> None:
    """Every datum of the core is constant: nothing lands in .data or .bss."""
    listing = subprocess.run(
        ["nm", *map(str, objects(compiler, "-O2"))], capture_output=True, text=True, check=True
    ).stdout
    kinds = {line.split()[-2]: line for line in listing.splitlines() if len(line.split()) == 3}
    assert not {"B", "b", "C", "D", "d"} & kinds.keys(), kinds


@pytest.mark.parametrize("unit", sorted(path.name for path in CORE.glob("*.c")))
def test_sources_name_no_allocator_and_no_clock(unit: str) -> None:
    text = (CORE / unit).read_text()
    for word in ("malloc(", "free(", "<stdio.h>", "<stdlib.h>", "<time.h>", "_Thread_local"):
        assert word not in text, word
