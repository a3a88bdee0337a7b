"""The firmware as a process: each way to connect, and a reset that keeps link and NV."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

MARKER = b"\0nt-host firmware 0.1.0 posix\n\0"

NV_AREA = 0x40000


def test_standard_streams(posix: Path) -> None:
    result = subprocess.run(
        [posix / "nt-echo", "--uid", "abc"], input=b"ab\0u\0n\0b", capture_output=True, timeout=60, check=True
    )
    assert result.stdout == MARKER + b"ABu0000000000000abc\nn00000000\nb00000000\n"
    assert result.stderr == b""


@contextlib.contextmanager
def listening(program: Path, where: str, *options: str) -> Iterator[str]:
    """The program as a server; gives the address that it prints."""
    with subprocess.Popen([program, "--listen", where, *options], stdout=subprocess.PIPE, text=True) as chip:
        assert chip.stdout is not None
        try:
            yield chip.stdout.readline().strip()
        finally:
            chip.kill()


def test_pseudo_terminal_is_a_serial_port(posix: Path) -> None:
    with listening(posix / "nt-echo", "pty") as address, serial.Serial(address, timeout=10) as port:
        port.write(b"\0b")
        assert port.read_until(b"b00000000\n").endswith(b"b00000000\n")
        port.write(b"\0r")
        assert port.read(len(MARKER)) == MARKER
        port.write(b"\0b")
        assert port.read(10) == b"b00000002\n"


def connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(address.removeprefix("unix:"))
    else:
        client = socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])))
    client.settimeout(10)
    return client


def exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := client.recv(count - len(data))):
        data += piece
    return data


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_socket_survives_a_reset_and_takes_the_next_client(posix: Path, tmp_path: Path, kind: str) -> None:
    with listening(posix / "nt-echo", f"unix:{tmp_path / 's'}" if kind == "unix" else "tcp:0") as address:
        with connect(address) as client:
            client.sendall(b"\0b")
            expected = MARKER + b"b00000000\n"
            assert exactly(client, len(expected)) == expected
            client.sendall(b"\0r")
            assert exactly(client, len(MARKER)) == MARKER
        with connect(address) as client:
            client.sendall(b"\0b")
            assert exactly(client, 10) == b"b00000002\n"


def test_nv_file_is_kept(posix: Path, tmp_path: Path) -> None:
    nv = tmp_path / "nv.bin"
    subprocess.run([posix / "nt-echo", "--nv", nv], input=b"\0n", capture_output=True, timeout=60, check=True)
    content = nv.read_bytes()
    assert content[NV_AREA - 8 : NV_AREA] == bytes(range(1, 9))
    assert set(content[: NV_AREA - 8]) == {0xFF}


@pytest.mark.parametrize("arguments", [["--listen"], ["--listen", "nowhere:1"], ["--image", "/no/such"], ["--x", "y"]])
def test_bad_usage(posix: Path, arguments: list[str]) -> None:
    result = subprocess.run([posix / "nt-echo", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
