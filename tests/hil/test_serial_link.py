"""Opening ports: each failure is told apart from the others, in bounded time."""

from __future__ import annotations

import errno
import os
import select
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nt_hil.links.serial_link import SerialSettings, _opening_error, open_serial
from nt_hil.open import open_chip
from nt_model.errors import EnvironmentMissingError, LinkError, NtError, UsageError


@contextmanager
def pty_port() -> Iterator[tuple[str, int]]:
    """Path of a raw pty, and the descriptor of its other end."""
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        yield os.ttyname(slave), master
    finally:
        os.close(master)
        os.close(slave)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A TCP port that is taken, so that nobody else gets it, and that refuses every connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("/dev/nt-absent", "there is no port /dev/nt-absent"),
        ("/dev/null", "not a serial port"),
        ("socket://127.0.0.1:{deaf}", "nothing answers"),
        ("rfc2217://127.0.0.1:{deaf}", "nothing answers"),
    ],
)
def test_ports_that_do_not_open(port: str, said: str, deaf_port: int) -> None:
    with pytest.raises(LinkError, match=said) as caught:
        open_chip(port.format(deaf=deaf_port), deadline_s=1.0)
    assert caught.value.evidence
    assert caught.value.next_step


def test_an_unknown_kind_of_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="carrier"):
        open_chip("carrier://pigeon", deadline_s=1.0)


def test_a_busy_port_says_who_has_it() -> None:
    with pty_port() as (path, _):
        first = open_serial(path)
        with pytest.raises(LinkError, match="busy"):
            open_serial(path)
        first.close()
        open_serial(path).close()


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.EACCES, EnvironmentMissingError, "dialout"),
        (errno.ENOENT, LinkError, "there is no port"),
        (errno.EBUSY, LinkError, "busy"),
        (errno.EIO, LinkError, "cannot be set up"),
    ],
)
def test_reasons_are_told_apart(number: int, kind: type[NtError], said: str) -> None:
    error = _opening_error("/dev/nt-port", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert said in str(error)


def _boot_log(master: int, stop: threading.Event) -> None:
    while not stop.wait(0.02):
        os.write(master, b"[ 1.0] random: crng init done\r\n")


def _echo(master: int, stop: threading.Event) -> None:
    os.set_blocking(master, False)
    while not stop.wait(0.01):
        try:
            os.write(master, os.read(master, 4096))
        except BlockingIOError:
            continue


def _nothing(master: int, stop: threading.Event) -> None:
    stop.wait(10)


@pytest.mark.parametrize(("talk", "said"), [(_boot_log, "crng init"), (_echo, "sends back"), (_nothing, "is silent")])
def test_ports_with_something_else_behind_them(talk: Callable[[int, threading.Event], None], said: str) -> None:
    with pty_port() as (path, master):
        stop = threading.Event()
        thread = threading.Thread(target=talk, args=(master, stop))
        thread.start()
        started = time.monotonic()
        try:
            with pytest.raises(LinkError, match=said):
                open_chip(path, deadline_s=0.6)
        finally:
            stop.set()
            thread.join(5)
        assert time.monotonic() - started < 10


def test_a_loop_is_recognised() -> None:
    with pytest.raises(LinkError, match="sends back"):
        open_chip("loop://", deadline_s=0.5)


def test_an_adapter_that_is_pulled_out_says_so() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    link = open_serial(os.ttyname(slave))
    os.close(slave)
    os.close(master)
    with pytest.raises(LinkError, match="went away"):
        link.read(1.0)
    link.close()


def test_a_write_that_nobody_takes_ends() -> None:
    with pty_port() as (path, _):
        link = open_serial(path, SerialSettings(write_timeout_s=0.3))
        with pytest.raises(LinkError, match="takes no more bytes"):
            link.write(b"x" * 1_000_000)
        link.close()


def test_a_regular_file_is_not_a_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(LinkError, match="not a serial port"):
        open_serial(str(path))


HOLDER = """
import sys, time
from nt_hil.links.serial_link import open_serial
link = open_serial(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="not on this platform: needs /proc")
def test_a_port_held_by_another_program_names_it() -> None:
    with (
        pty_port() as (path, _),
        subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE) as holder,
    ):
        try:
            assert holder.stdout is not None
            assert select.select([holder.stdout], [], [], 30)[0]
            with pytest.raises(LinkError, match=rf"busy.*held by .*pid {holder.pid}"):
                open_serial(path)
        finally:
            holder.kill()
