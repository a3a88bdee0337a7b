"""Starting and ending the emulator: what is missing is named, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nt_hil.emulator import BOARDS, EmulatorLink, EmulatorOptions, firmware_path, open_emulator, options_from_port
from nt_model.errors import EnvironmentMissingError, LinkError, UsageError
from tests.firmware.conftest import tool_require

Emulate = Callable[..., EmulatorLink]

HOLD = """
import sys, time
from pathlib import Path
from nt_hil.emulator import EmulatorOptions, open_emulator
link = open_emulator(EmulatorOptions("netduinoplus2", firmware=Path(sys.argv[1])))
print("up", flush=True)
time.sleep(60)
"""


def emulators_of(firmware: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(b"qemu-system-arm") and os.fsencode(firmware) in words:
                    found.append(int(entry.name))
    return found


def none_left(firmware: Path) -> bool:
    deadline = time.monotonic() + 10
    while emulators_of(firmware) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not emulators_of(firmware)


def test_missing_emulator_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    firmware = tmp_path / "any.elf"
    firmware.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentMissingError, match="apt-get install"):
        open_emulator(EmulatorOptions("netduinoplus2", firmware=firmware))


def test_missing_firmware_names_the_make_target(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NT_FIRMWARE_DIR", str(tmp_path))
    with pytest.raises(EnvironmentMissingError, match="make firmware"):
        firmware_path(BOARDS["netduinoplus2"])


@pytest.mark.parametrize("port", ["emu:nowhere", "emu:netduinoplus2,uid=xyz", "emu:mps2-an386,nv=", "emu:mps2-an386,x"])
def test_bad_port_is_refused(port: str) -> None:
    with pytest.raises(UsageError):
        options_from_port(port)


def test_port_settings() -> None:
    options = options_from_port("emu:mps2-an386,uid=1f,nv=some/file.bin")
    assert (options.board, options.uid, options.nv_file) == ("mps2-an386", 0x1F, Path("some/file.bin"))


@pytest.mark.emulator
def test_program_that_never_boots_is_reported(boards: Path) -> None:
    tool_require("qemu-system-arm")
    wrong = boards / "stm32f405" / "nt-echo.elf"
    with pytest.raises((LinkError, EnvironmentMissingError)):
        open_emulator(EmulatorOptions("mps2-an386", firmware=wrong, start_timeout_s=1.0))
    assert none_left(wrong)


@pytest.mark.emulator
def test_too_large_image_and_nv_file_are_refused(boards: Path, tmp_path: Path) -> None:
    tool_require("qemu-system-arm")
    firmware = boards / "stm32f405" / "nt-echo.elf"
    with pytest.raises(UsageError, match="too large"):
        open_emulator(EmulatorOptions("netduinoplus2", firmware=firmware), bytes(1 << 20))
    with pytest.raises(UsageError, match="flash controller"):
        open_emulator(EmulatorOptions("netduinoplus2", firmware=firmware, nv_file=tmp_path / "nv"))


@pytest.mark.emulator
def test_close_ends_the_emulator_even_when_its_output_is_blocked(emulate: Emulate, boards: Path) -> None:
    link = emulate("netduinoplus2")
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:  # echoes are not read: QEMU comes to a stand-still
        with contextlib.suppress(BlockingIOError):
            link._socket.send(b"x" * 4096)
    begin = time.monotonic()
    link.close()
    assert time.monotonic() - begin < 4
    assert none_left(boards / "stm32f405" / "nt-echo.elf")


@pytest.mark.emulator
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_when_the_parent_dies(boards: Path, end: signal.Signals) -> None:
    tool_require("qemu-system-arm")
    firmware = boards / "stm32f405" / "nt-echo.elf"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(firmware)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert emulators_of(firmware)
        parent.send_signal(end)
        parent.wait(60)
    assert none_left(firmware)


@pytest.mark.emulator
def test_dead_emulator_is_a_link_error(emulate: Emulate, boards: Path) -> None:
    link = emulate("netduinoplus2")
    for pid in emulators_of(boards / "stm32f405" / "nt-echo.elf"):
        os.kill(pid, signal.SIGKILL)
    assert none_left(boards / "stm32f405" / "nt-echo.elf")
    with pytest.raises(LinkError):
        link.read(5.0)
