"""The UART of an emulated board, over a socket, as a link."""

from __future__ import annotations

import select
import socket
import time

from nt_hil.emulator.process import GuardedProcess
from nt_model.errors import LinkError

_WRITE_STALL_S = 10.0


class EmulatorLink:
    """Bytes to and from the emulated UART. Owns the emulator: `close` ends it."""

    def __init__(self, connection: socket.socket, process: GuardedProcess, name: str) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._process = process
        self._name = name
        self._inbound = bytearray()

    def write(self, data: bytes) -> None:
        """Send all of `data`, reading meanwhile: QEMU stands still altogether while nobody takes its output."""
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self._socket], [self._socket], [], _WRITE_STALL_S)
            if readable:
                self._receive()
            if writable:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise self._gone() from error
            if not readable and not writable:
                raise LinkError(
                    f"{self._name} has taken no byte for {_WRITE_STALL_S:.0f} s",
                    evidence=f"{len(view)} of {len(data)} bytes left",
                    next_step="the firmware hangs: look at it with `nt-host doctor`",
                )

    def read(self, timeout_s: float) -> bytes:
        if not self._inbound and select.select([self._socket], [], [], max(0.0, timeout_s))[0]:
            self._receive()
        data = bytes(self._inbound)
        self._inbound.clear()
        return data

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        self._inbound += data

    def _gone(self) -> LinkError:
        return LinkError(
            f"{self._name} has ended",
            evidence=self._process.log_tail() or "it said nothing",
            next_step="open the port again; `nt-host doctor` checks the emulator",
        )

    def put_back(self, data: bytes) -> None:
        """What was read too much while waiting for the boot marker."""
        self._inbound[:0] = data

    def now(self) -> float:
        return time.monotonic()

    def describe(self) -> str:
        return self._name

    def close(self) -> None:
        self._socket.close()
        self._process.stop()
