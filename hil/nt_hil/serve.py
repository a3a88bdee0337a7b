"""A simulated chip for other processes: over TCP, or over a pty that opens like a serial adapter.

One connection at a time, any number in turn; the chip keeps its state between them, as real chips do.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from nt_hil.links.base import ByteDevice
from nt_hil.sim.pump import Pump
from nt_model.errors import EnvironmentMissingError, UsageError

Announce = Callable[[str], None]


def print_port(port: str) -> None:
    """Tell the port on stdout, at once, for people and for scripts that wait for it."""
    print(port, flush=True)


class StopFlag:
    """A descriptor that becomes readable when the server is to end."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def stop(self) -> None:
        """End the server; callable from a signal handler or another thread."""
        os.write(self._writer, b"x")

    def close(self) -> None:
        os.close(self.reader)
        os.close(self._writer)


@contextmanager
def stopped_by_signals(flag: StopFlag) -> Iterator[None]:
    """SIGINT and SIGTERM end the server in good order; the handlers before are put back after."""

    def handler(number: int, frame: FrameType | None) -> None:
        flag.stop()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _converse(device: ByteDevice, handle: int, stop: StopFlag) -> bool:
    """Serve one connection; False when the server is to end."""
    os.set_blocking(handle, False)
    pump = Pump(device, handle)
    with selectors.DefaultSelector() as selector:
        selector.register(stop.reader, selectors.EVENT_READ)
        selector.register(handle, pump.events)
        while True:
            for key, mask in selector.select():
                if key.fd == stop.reader:
                    return False
                if not pump.on_ready(mask):
                    return True
            selector.modify(handle, pump.events)


def run_tcp(device: ByteDevice, stop: StopFlag, announce: Announce, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve until `stop`; announces "socket://host:port" once it listens; port 0 takes any free one."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}", evidence=str(error), next_step="choose another --tcp port, or 0 for any"
        ) from error
    with listener:
        announce(f"socket://{host}:{listener.getsockname()[1]}")
        listener.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(stop.reader, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            while all(key.fd != stop.reader for key, _ in selector.select()):
                connection = _accept(listener)
                if connection is not None and not _serve_connection(device, connection, stop):
                    return


def _accept(listener: socket.socket) -> socket.socket | None:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return None  # The client gave up between select and accept.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _serve_connection(device: ByteDevice, connection: socket.socket, stop: StopFlag) -> bool:
    with connection:
        return _converse(device, connection.fileno(), stop)


def run_pty(device: ByteDevice, stop: StopFlag, announce: Announce) -> None:
    """Serve on a new pty until `stop`; announces its path. Hosts may open and close it as often as they like."""
    if sys.platform == "win32":
        raise EnvironmentMissingError(
            "there are no ptys on this system", next_step="serve over TCP: `nt-host sim serve --tcp 0`"
        )
    master, slave = os.openpty()
    try:
        # The slave stays open here: without it the master reports an error between two hosts instead of waiting.
        tty.setraw(slave)
        announce(os.ttyname(slave))
        _converse(device, master, stop)
    finally:
        os.close(master)
        os.close(slave)


def serve_tcp(device: ByteDevice, *, host: str = "127.0.0.1", port: int = 0, announce: Announce = print_port) -> None:
    """`run_tcp` until SIGINT or SIGTERM; for the command line, in the main thread."""
    flag = StopFlag()
    try:
        with stopped_by_signals(flag):
            run_tcp(device, flag, announce, host, port)
    finally:
        flag.close()


def serve_pty(device: ByteDevice, *, announce: Announce = print_port) -> None:
    """`run_pty` until SIGINT or SIGTERM; for the command line, in the main thread."""
    flag = StopFlag()
    try:
        with stopped_by_signals(flag):
            run_pty(device, flag, announce)
    finally:
        flag.close()
