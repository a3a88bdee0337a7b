"""Builds the firmware once per test session; a missing tool skips with the command that installs it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nt_hil.emulator import EmulatorLink, EmulatorOptions, open_emulator
from tests.build_once import built_once

FIRMWARE = Path(__file__).parents[2] / "firmware"
PACKAGES = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "make": "make",
    "cc": "gcc",
}


def tool_require(*names: str) -> None:
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed; try `apt-get install -y --no-install-recommends {PACKAGES[name]}`")


def make_command(target: str, build: Path, *variables: str) -> list[str]:
    return ["make", "-C", str(FIRMWARE), f"BUILD={build}", *variables, target]


def make(target: str, build: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    command = make_command(target, build, *variables)
    return subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)


def native_programs(run_folder: Path) -> Path:
    """Folder with the native programs, built with the address and undefined-behaviour checkers."""
    tool_require("make", "cc")
    build = run_folder / "native"
    result = built_once(build, make_command("posix", build, "SANITIZE=1"))
    assert (result.returncode, result.stderr) == (0, "")
    return build / "posix"


@pytest.fixture(scope="session")
def build_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds of this process alone."""
    return tmp_path_factory.mktemp("firmware")


@pytest.fixture(scope="session")
def boards_build(run_folder: Path) -> subprocess.CompletedProcess[str]:
    """Result of building both boards."""
    tool_require("make", "arm-none-eabi-gcc")
    build = run_folder / "boards"
    return built_once(build, make_command("boards", build))


@pytest.fixture(scope="session")
def boards(boards_build: subprocess.CompletedProcess[str], run_folder: Path, build_root: Path) -> Path:
    """Folder with the boards' programs: a copy of this process, whose emulators are told from others' by its path."""
    assert boards_build.returncode == 0, boards_build.stderr
    return shutil.copytree(run_folder / "boards", build_root, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def posix(run_folder: Path) -> Path:
    return native_programs(run_folder)


@pytest.fixture
def emulate(boards: Path) -> Iterator[Callable[..., EmulatorLink]]:
    """Starts `program` on the board that QEMU calls `machine`; ended after the test."""
    tool_require("qemu-system-arm")
    links = []

    def start(machine: str, program: str = "nt-echo", *, content: bytes | None = None, **options: object):  # type: ignore[no-untyped-def]
        firmware = boards / {"netduinoplus2": "stm32f405", "mps2-an386": "mps2_an386"}[machine] / f"{program}.elf"
        links.append(open_emulator(EmulatorOptions(machine, firmware=firmware, **options), content))  # type: ignore[arg-type]
        return links[-1]

    yield start
    for link in links:
        link.close()
