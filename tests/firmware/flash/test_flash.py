"""The STM32F4 flash driver on a simulated controller (RM0090, section 3): unlocking, refusals, bounded waits, the NV
log on top of it, and planted faults that the cases must find.

The driver's registers are redirected by compiling it as C++ with a `NT_REGISTER` whose reads and writes are calls.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.firmware.conftest import FIRMWARE

HERE = Path(__file__).parent
DRIVER = FIRMWARE / "port" / "stm32f4" / "nt_flash.c"
CASES = (
    "detect",
    "program",
    "erase",
    "bounds",
    "not_erased",
    "flags_left_by_another",
    "left_unlocked",
    "locked_out",
    "write_protected",
    "weak_word",
    "busy_before",
    "program_never_ends",
    "erase_never_ends",
    "nv_log",
    "nv_log_refused",
)
# One planted fault each: what it is, a text of nt_flash.c, and its replacement.
FAULTS = (
    ("it is not unlocked", "FLASH_KEYR = 0x45670123u;\n        FLASH_KEYR = 0xCDEF89ABu;", ";"),
    ("one key is missing", "        FLASH_KEYR = 0x45670123u;\n", ""),
    ("it stays unlocked", "        FLASH_CR = FLASH_CR_LOCK;", "        ;"),
    ("the sector after is erased", "#define FIRST_SECTOR 2", "#define FIRST_SECTOR 3"),
    ("the program's sector is erased", "#define FIRST_SECTOR 2", "#define FIRST_SECTOR 1"),
    ("programs are of another width", "FLASH_CR = FLASH_CR_PSIZE_32 | FLASH_CR_PG;", "FLASH_CR = FLASH_CR_PG;"),
    ("programming is not switched on", "FLASH_CR_PSIZE_32 | FLASH_CR_PG;", "FLASH_CR_PSIZE_32;"),
    ("an erase is never started", "    FLASH_CR |= FLASH_CR_START;\n", ""),
    ("error flags are ignored", " && (FLASH_SR & FLASH_SR_ERRORS) == 0", ""),
    ("old error flags stay", "    FLASH_SR = FLASH_SR_ERRORS;", "    ;"),
    ("a program is not read back", " && NT_REGISTER(at) == word", ""),
    ("an erase is not read back", "good = NT_REGISTER(at + i) == ERASED", "good = true"),
    ("zeros are added to a word", "if (NT_REGISTER(at) != ERASED)", "if (0)"),
    ("an operation is not awaited", "return idle_reached(polls) &&", "return"),
    ("a wait has no end", "if (polls-- == 0)", "if (polls-- == 0 && 0)"),
    ("CR is written while busy", "    if ((FLASH_SR & FLASH_SR_BUSY) == 0)\n        FLASH_CR", "        FLASH_CR"),
    ("nobody waits for another's operation", "    if (!idle_reached(ERASE_POLLS))\n        return false;\n", ""),
    ("bounds are not looked at", "nt_nv_area_at(area, offset, length);", "nt_nv_area_at(area & 1, 0, 0) + offset;"),
)


def build(folder: Path, driver: Path, *options: str) -> Path:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None or shutil.which("cc") is None:
        pytest.skip("no C++ compiler; try `apt-get install -y --no-install-recommends g++`")
    core, common = FIRMWARE / "core", FIRMWARE / "port" / "common"
    out = folder / "driver_cases"
    # This folder comes first: its nt_cortex.h stands in for the real one.
    include = [f"-I{path}" for path in (HERE, DRIVER.parent, common, core)]
    flags = ["-O2", "-g", "-Wall", "-Wextra", *options, *include]
    objects = []
    for source in (*core.glob("nt_nv*.c"), core / "nt_crc32c.c", common / "nt_nv_area.c"):
        objects.append(str(folder / f"{source.stem}.o"))
        _run("cc", "-std=c11", *flags, "-c", str(source), "-o", objects[-1])
    sources = [str(HERE / "driver_cases.cc"), str(HERE / "controller.cc")]
    _run(compiler, "-std=c++20", f'-DNT_DRIVER="{driver}"', *flags, *sources, *objects, "-o", str(out))
    return out


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sanitize = ("-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return build(tmp_path_factory.mktemp("flash"), DRIVER, *sanitize)


@pytest.mark.parametrize("case", CASES)
def test_driver(program: Path, case: str) -> None:
    result = subprocess.run([program, case], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("text", "replacement"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_planted_faults_are_caught(tmp_path: Path, text: str, replacement: str) -> None:
    source = DRIVER.read_text()
    assert source.count(text) == 1, "the place of the fault is gone: say it anew"
    planted = tmp_path / "nt_flash.c"
    planted.write_text(source.replace(text, replacement))
    result = subprocess.run([build(tmp_path, planted)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "FAIL" in result.stdout
