"""The ports on QEMU, with the bring-up program: boot, link, back-pressure, reset, unique id, image, NV."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nt_hil.emulator import EmulatorLink

pytestmark = pytest.mark.emulator

MACHINES = ["netduinoplus2", "mps2-an386"]
SOFTWARE_RESET = 2
Emulate = Callable[..., EmulatorLink]


def received(link: EmulatorLink, count: int, timeout_s: float = 20.0) -> bytes:
    data = b""
    deadline = time.monotonic() + timeout_s
    while len(data) < count and time.monotonic() < deadline:
        data += link.read(0.5)
    return data


def line(link: EmulatorLink, end: bytes = b"\n") -> bytes:
    data = b""
    deadline = time.monotonic() + 20
    while not data.endswith(end) and time.monotonic() < deadline:
        data += link.read(0.5)
    return data


def number(link: EmulatorLink, command: bytes) -> int:
    link.write(b"\0" + command)
    answer = line(link)
    assert answer[:1] == command, answer
    return int(answer[1:], 16)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_byte_comes_back(emulate: Emulate, machine: str) -> None:
    link = emulate(machine)
    data = bytes(1 + i % 255 for i in range(20_000))
    link.write(data)
    assert received(link, len(data)) == bytes(byte ^ 0x20 for byte in data)


@pytest.mark.parametrize("machine", MACHINES)
def test_bytes_sent_while_the_firmware_is_busy_wait_for_it(emulate: Emulate, machine: str) -> None:
    """Twice the receive ring arrives while nothing is read from it."""
    link = emulate(machine)
    data = bytes(1 + i % 255 for i in range(4096))
    link.write(b"\0d" + data)
    assert received(link, len(data)) == bytes(byte ^ 0x20 for byte in data)


@pytest.mark.parametrize("machine", MACHINES)
def test_reset_says_why(emulate: Emulate, machine: str) -> None:
    link = emulate(machine)
    assert number(link, b"b") == 0
    link.write(b"\0r")
    assert line(link, b"\n\0").startswith(b"\0nt-host firmware")
    assert number(link, b"b") == SOFTWARE_RESET


@pytest.mark.parametrize("machine", MACHINES)
def test_clock_counts_microseconds(emulate: Emulate, machine: str) -> None:
    link = emulate(machine)
    begin = time.monotonic()
    before, asked = number(link, b"t"), time.monotonic()
    time.sleep(0.3)
    at_least = time.monotonic() - asked
    counted = (number(link, b"t") - before) & 0xFFFFFFFF
    at_most = time.monotonic() - begin
    assert 0.2 * at_least < counted / 1e6 <= 1.1 * at_most + 0.2  # QEMU may lag on a loaded machine


@pytest.mark.parametrize("machine", MACHINES)
def test_unique_id(emulate: Emulate, machine: str) -> None:
    """The id that the emulator gives, and a made-up one where it gives none (reading the real one faults there)."""
    assert number(emulate(machine, uid=0x0123_4567_89AB_CDEF), b"u") == 0x0123_4567_89AB_CDEF
    assert number(emulate(machine), b"u") != 0


@pytest.mark.parametrize("machine", MACHINES)
def test_image_in_flash_is_found(emulate: Emulate, machine: str) -> None:
    content = b"NTROM\r\n\0" + bytes(4) + (5000).to_bytes(4, "little") + bytes(4984)
    assert number(emulate(machine, content=content), b"i") == 5000
    assert number(emulate(machine), b"i") == 0


@pytest.mark.parametrize("machine", MACHINES)
def test_nv_obeys_the_rules_of_flash(emulate: Emulate, machine: str) -> None:
    assert number(emulate(machine), b"n") == 0


def test_nv_file_keeps_what_was_programmed(emulate: Emulate, tmp_path: Path) -> None:
    nv = tmp_path / "nv.bin"
    assert number(emulate("mps2-an386", nv_file=nv), b"n") == 0
    with nv.open("rb") as file:
        areas = file.read(0x20000)
    assert areas[0xFFF8:0x10000] == bytes(range(1, 9))
    assert areas[0x1FFF8:] == bytes(range(1, 9))


@pytest.mark.parametrize("machine", MACHINES)
def test_stack_stays_small(emulate: Emulate, machine: str) -> None:
    link = emulate(machine)
    number(link, b"n")
    assert 64 < number(link, b"s") < 1024
