"""Serial ports and everything else that pyserial opens: sockets, RFC 2217 servers, loops.

A port is opened exclusively, at 8N1, without flow control. On POSIX the kernel raises DTR and RTS when a port is
opened, whatever a program asks; what can be asked is that nothing is changed after that. Boards that use these lines
for reset and boot selection need `control_lines=(False, False)` and a jumper or capacitor, see docs/spec_wire.md.
"""

from __future__ import annotations

import errno
import io
import os
import select
import time
from dataclasses import dataclass

import serial

from nt_model.errors import EnvironmentMissingError, LinkError, NtError, UsageError

READ_AT_MOST = 65536
WRITE_AT_MOST = 4096
POLL_S = 0.001


@dataclass(frozen=True)
class SerialSettings:
    """How to open a port.

    Attributes:
        baud: bits per second.
        control_lines: levels to give to (DTR, RTS); None leaves them as the system sets them.
        write_timeout_s: longest time that a write may block.
    """

    baud: int = 921_600
    control_lines: tuple[bool, bool] | None = None
    write_timeout_s: float = 5.0


def _errno_of(error: BaseException) -> int | None:
    """errno of an error or of what caused it; pyserial puts some of them into the text only."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.errno is not None:
            return at.errno
        at = at.__cause__ or at.__context__
    return None


def _opening_error(path: str, error: OSError | ValueError) -> NtError:
    number = _errno_of(error)
    if number == errno.ENOENT:
        return LinkError(
            f"there is no port {path}",
            evidence=str(error),
            next_step="plug the adapter in; `nt-host ports` lists what there is",
        )
    if number in (errno.EACCES, errno.EPERM):
        return EnvironmentMissingError(
            f"no permission to open {path}",
            evidence=str(error),
            next_step="sudo usermod -aG dialout $USER, then log in again",
        )
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK):
        return LinkError(
            f"{path} is busy: another program has it open",
            evidence=_holders(path) or str(error),
            next_step=f"close that program (`fuser -v {path}` names it), or stop ModemManager",
        )
    if number in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT) or "Could not open" in str(error):
        return LinkError(
            f"nothing answers at {path}",
            evidence=str(error),
            next_step="start `nt-host sim serve` or the serial server, and check host and port",
        )
    if isinstance(error, ValueError):
        return UsageError(
            f"{path} cannot be opened like that",
            evidence=str(error),
            next_step="see `nt-host ports`, and the URL forms of pyserial",
        )
    return LinkError(
        f"{path} is not a serial port or cannot be set up",
        evidence=str(error),
        next_step="`nt-host ports` lists the serial ports",
    )


def _holders(path: str) -> str:
    """Processes that hold `path` open, as far as this user may see (Linux); "" where none is seen."""
    try:
        target = os.stat(path).st_rdev
        pids = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return ""
    found = [f"{_command(pid)} (pid {pid})" for pid in pids if pid != str(os.getpid()) and _holds(pid, target)]
    return f"held by {', '.join(found)}" if found else ""


def _holds(pid: str, device: int) -> bool:
    try:
        for handle in os.listdir(f"/proc/{pid}/fd"):
            if os.stat(f"/proc/{pid}/fd/{handle}").st_rdev == device:
                return True
    except OSError:
        return False  # Another user's process, or one that has just ended.
    return False


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "a program"


def open_serial(path: str, settings: SerialSettings | None = None) -> SerialLink:
    """Open a path or a pyserial URL.

    Raises:
        LinkError: absent, busy (says who has it), or nothing answers there.
        EnvironmentMissingError: no permission.
        UsageError: not a port name or URL that pyserial knows.
    """
    chosen = settings or SerialSettings()
    try:
        port = serial.serial_for_url(path, do_not_open=True, baudrate=chosen.baud, timeout=0)
        port.write_timeout = chosen.write_timeout_s
        if "://" not in path:
            port.exclusive = True
        if chosen.control_lines is not None:
            port.dtr, port.rts = chosen.control_lines
        port.open()
    except (OSError, ValueError) as error:
        raise _opening_error(path, error) from error
    return SerialLink(port, path, chosen.write_timeout_s)


def _selectable(port: serial.Serial) -> int | None:
    """Descriptor to wait on, or None where the port has none."""
    try:
        return int(port.fileno()) if os.name == "posix" else None
    except (AttributeError, io.UnsupportedOperation):
        return None


class SerialLink:
    """A pyserial port as a Link."""

    def __init__(self, port: serial.Serial, name: str, write_timeout_s: float) -> None:
        self._port = port
        self._name = name
        self._write_timeout_s = write_timeout_s
        # spy:// wants to see every byte, so that its calls may not be gone around.
        self._handle = None if name.startswith("spy:") else _selectable(port)
        self._inbox = bytearray()

    def write(self, data: bytes) -> None:
        try:
            if self._handle is None:
                self._port.write(data)
            else:
                self._write_and_listen(self._handle, memoryview(data))
        except serial.SerialTimeoutException as error:
            raise self._stuck(len(data)) from error
        except OSError as error:
            raise self._gone(error) from error

    def _write_and_listen(self, handle: int, rest: memoryview) -> None:
        """Send while taking in what arrives: the kernel keeps only 4 KiB of it, and a full buffer loses bytes."""
        while rest:
            readable, writable, _ = select.select([handle], [handle], [], self._write_timeout_s)
            if readable:
                self._inbox += self._port.read(READ_AT_MOST)
            if writable:
                rest = rest[os.write(handle, rest[:WRITE_AT_MOST]) :]
            if not readable and not writable:
                raise self._stuck(len(rest))

    def _stuck(self, left: int) -> LinkError:
        return LinkError(
            f"{self._name} takes no more bytes",
            evidence=f"{left} bytes were left to write",
            next_step="check that the chip runs; unplug and plug the adapter",
        )

    def read(self, timeout_s: float) -> bytes:
        # The port itself never waits (timeout 0): changing pyserial's time-out sets up the port anew every time.
        if self._inbox:
            data, self._inbox = bytes(self._inbox), bytearray()
            return data
        try:
            if self._handle is not None:
                select.select([self._handle], [], [], max(0.0, timeout_s))
                return bytes(self._port.read(READ_AT_MOST))
            return self._polled(time.monotonic() + timeout_s)
        except OSError as error:
            raise self._gone(error) from error

    def _polled(self, until: float) -> bytes:
        """For ports without a descriptor (RFC 2217, loop://, Windows)."""
        while True:
            data = bytes(self._port.read(READ_AT_MOST))
            if data or time.monotonic() >= until:
                return data
            time.sleep(POLL_S)

    def _gone(self, error: OSError) -> LinkError:
        return LinkError(
            f"{self._name} went away",
            evidence=str(error),
            next_step="plug the adapter in again and rerun: the run goes on where it stopped",
        )

    def now(self) -> float:
        return time.monotonic()

    def describe(self) -> str:
        return self._name

    def close(self) -> None:
        self._port.close()
