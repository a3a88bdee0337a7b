"""The C device side as a process behind a pipe, built with every warning an error and the sanitizers on."""

from __future__ import annotations

import atexit
import shutil
import struct
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from nt_hil.sim.codes import CodeLimits

HERE = Path(__file__).resolve().parent
CORE = HERE.parents[1] / "firmware" / "core"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wcast-qual", "-pedantic", "-Werror")
SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LARGE_SCRATCH = 64 << 20
POWER_ON = 0
_OPEN = struct.Struct("<IBBBBQI")
_ANSWER = struct.Struct("<iII")


@lru_cache(maxsize=1)
def built() -> Path:
    """The executable; skips where there is no compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed; try `apt-get install -y gcc`")
    folder = mkdtemp(prefix="nt-device-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = Path(folder) / "nt-chip-pipe"
    sources = [str(HERE / "nt_chip_pipe.c"), *map(str, sorted(CORE.glob("*.c")))]
    command = ["gcc", *WARNINGS, *SANITIZERS, f"-I{CORE}", *sources, "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@dataclass(frozen=True)
class Opened:
    """What the boot said: negative `result` is why not; `ram_bytes` is what the core took but for the input slots."""

    result: int
    ram_bytes: int


class NativeDevice:
    """One process; `boot` puts another chip into it. `feed` makes it a device like `nt_hil.sim.device.Device`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(built())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def _ask(self, command: bytes) -> tuple[int, int, bytes]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command)
        self._process.stdin.flush()
        head = self._process.stdout.read(_ANSWER.size)
        if len(head) < _ANSWER.size:
            assert self._process.stderr is not None
            pytest.fail("the C device died: " + self._process.stderr.read().decode(errors="replace")[-4000:])
        result, extra, length = _ANSWER.unpack(head)
        return result, extra, self._process.stdout.read(length)

    def boot(
        self, image: bytes, uid: int = 1, limits: CodeLimits | None = None, scratch_bytes: int = LARGE_SCRATCH
    ) -> Opened:
        """Power-on of a fresh chip with empty non-volatile memory."""
        bounds = limits or CodeLimits()
        head = _OPEN.pack(
            scratch_bytes, bounds.code_min, bounds.code_max, bounds.max_move_code, POWER_ON, uid, len(image)
        )
        result, ram_bytes, _ = self._ask(b"O" + head + image)
        return Opened(result, ram_bytes)

    def feed(self, data: bytes) -> bytes:
        """Bytes onto the line; gives all that the device sends until it has nothing more to do."""
        return self._ask(b"F" + len(data).to_bytes(4, "little") + data)[2]

    @property
    def struct_bytes(self) -> int:
        """Size of struct nt_core on this machine."""
        return self._ask(b"F" + bytes(4))[1]

    def wait(self, us: int) -> bytes:
        """Let time pass without a byte from the host."""
        return self._ask(b"T" + us.to_bytes(4, "little"))[2]

    def refuse_nv(self, refuse: bool) -> None:
        """Whether the non-volatile memory refuses every erase and program from now on."""
        self._ask(b"N" + bytes([refuse]))

    def close(self) -> None:
        """Ends the process; a complaint of the sanitizers at its end fails the test."""
        _, complaint = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, complaint.decode(errors="replace")[-4000:]
