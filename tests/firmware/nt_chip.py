"""The native chip on a Unix socket as a board whose power, cable and host can all be cut, at any byte."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import time
from pathlib import Path

_START_S = 20.0
_DROP = (ConnectionResetError, BrokenPipeError, ConnectionRefusedError)


class HostDies(Exception):
    """The host's program ends here: whatever it knew of the session is gone."""


class NativeBoard:
    """One `nt-chip` process with NV in a file; `power_cycle` kills it and starts it again."""

    def __init__(self, program: Path, image: Path, folder: Path) -> None:
        self._command = [str(program), "--image", str(image), "--nv", str(folder / "nv"), "--listen"]
        self._folder = folder
        self._boots = 0
        self._process: subprocess.Popen[str] | None = None
        self.address = ""
        self.power_on()

    def power_on(self) -> None:
        # A path of its own for each boot: the one before may still be bound.
        self._boots += 1
        where = f"unix:{self._folder / f'uart{self._boots}'}"
        self._process = subprocess.Popen([*self._command, where], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip().removeprefix("unix:")

    def power_off(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_START_S)
            assert process.stdout is not None
            process.stdout.close()

    def power_cycle(self) -> None:
        self.power_off()
        self.power_on()

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_START_S)
        connection.connect(self.address)
        connection.setblocking(False)
        return connection


class CutLink:
    """A host's line to `board`. `cut_after` arms one reset; bytes around it are lost, as on a real line."""

    def __init__(self, board: NativeBoard) -> None:
        self._board = board
        self._socket = board.connect()
        self._left: int | None = None
        self._kind = ""
        self.cuts = {"power": 0, "host": 0}

    def cut_after(self, count: int, kind: str) -> None:
        """After `count` more bytes in either direction: "power" of the board fails, or the "host" dies."""
        self._left, self._kind = count, kind

    def _allowed(self, data: bytes) -> tuple[bytes, bool]:
        if self._left is None:
            return data, False
        kept = data[: self._left]
        self._left -= len(kept)
        return kept, self._left == 0

    def _cut(self) -> None:
        self._left = None
        self.cuts[self._kind] += 1
        if self._kind == "power":
            self._board.power_cycle()
        self._socket.close()
        self._socket = self._board.connect()
        if self._kind == "host":
            raise HostDies

    def write(self, data: bytes) -> None:
        kept, cut = self._allowed(data)
        view = memoryview(kept)
        deadline = time.monotonic() + _START_S
        while view and time.monotonic() < deadline:
            if select.select([], [self._socket], [], 1.0)[1]:
                view = view[self._socket.send(view) :]
        assert not view, "the native chip takes no bytes"
        if cut:
            self._cut()

    def read(self, timeout_s: float) -> bytes:
        data = b""
        if select.select([self._socket], [], [], max(0.0, timeout_s))[0]:
            with contextlib.suppress(*_DROP):
                data = self._socket.recv(65536)
            assert data, "the native chip ended by itself"
        kept, cut = self._allowed(data)
        if cut:
            self._cut()
        return kept

    def now(self) -> float:
        return time.monotonic()

    def describe(self) -> str:
        return "native chip"

    def close(self) -> None:
        self._socket.close()
