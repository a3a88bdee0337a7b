"""The simulated chip in a process of its own, over TCP and over a pty, opened like any other port."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nt_hil.chip import Dither, Readout
from nt_hil.client import ChipClient
from nt_hil.open import open_chip
from tests.hil.rig import client_of, loaded_image, random_events, sim_device

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import sys
from nt_hil.serve import serve_pty, serve_tcp
from tests.hil.rig import loaded_image, sim_device
(serve_pty if sys.argv[1] == "pty" else serve_tcp)(sim_device(loaded_image((12, 900, 4))))
"""
START_S = 30.0


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    deadline, line = time.monotonic() + START_S, b""
    while not line.endswith(b"\n"):
        left = max(0.0, deadline - time.monotonic())
        assert select.select([process.stdout], [], [], left)[0], "the server did not tell its port"
        piece = os.read(process.stdout.fileno(), 1)
        assert piece, "the server ended"
        line += piece
    return line.decode().strip()


@pytest.fixture(params=["pty", "tcp"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, request.param], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        yield _first_line(process), process
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def _work(chip: ChipClient) -> bytes:
    """A bit of everything; gives what came back."""
    rng = np.random.default_rng(1)
    chip.load_samples(random_events(60, 12))
    codes = chip.read_codes()[0]
    parts = []
    for _ in range(5):
        codes = np.clip(codes.astype(np.int64) + rng.integers(-3, 4, codes.size), 0, 255).astype(np.uint8)
        chip.write_codes(codes)
        response = chip.present_loaded(np.arange(60), Readout(True, Dither(48, 24), True))
        parts += [plane.tobytes() for plane in response.plain + response.plus + response.minus]
    return b"".join(parts)


def test_every_port_gives_the_same_bytes_and_keeps_its_state(served: tuple[str, subprocess.Popen[bytes]]) -> None:
    port, process = served
    image = loaded_image((12, 900, 4))
    chip = open_chip(port, image, deadline_s=20.0)
    there = _work(chip)
    assert there == _work(client_of(sim_device(image)))
    chip.close()
    again = open_chip(port, image, deadline_s=20.0)
    assert again.status().samples_presented == 300
    assert again.read_codes()[1] == 5
    again.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_interrupting_the_server_ends_it_cleanly(served: tuple[str, subprocess.Popen[bytes]]) -> None:
    port, process = served
    chip = open_chip(port, deadline_s=20.0)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    chip.close()
