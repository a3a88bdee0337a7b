"""`nt-host adapt` by the command line on each kind of board: the codes of `sim:ideal`, and no process left behind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nt_hil.emulator.process import qemu_find
from nt_hil.open import open_chip
from nt_host.codes_file import read_codes_file
from nt_host.images import packaged_image
from nt_host.tasks import load_task
from nt_model.image_file import image_bytes, read_image
from tests.firmware.conftest import tool_require
from tests.firmware.test_emulator import none_left
from tests.firmware.test_posix_chip import listening
from tests.host.conftest import cli_command, cli_environment

pytestmark = pytest.mark.emulator

SEED = 3
POOL = 100
"""Samples of the task that are used: an emulated UART carries some 10 kB/s."""
LOOPS = ("host", "device")
TIMEOUT_S = 250
IMAGE_AT = 0x0801_0000
"""Where a user's own command line puts the chip image, see docs/firmware.md."""


def few_samples(folder: Path) -> Path:
    """A data file of the digits' target domain, small enough for the slow wire of an emulator."""
    path = folder / "few.npz"
    pool = load_task("digits", None).targets[0].pool
    np.savez(path, features=pool.features[:POOL], labels=pool.labels[:POOL])
    return path


def adapted(port: str, loop: str, folder: Path, firmware: Path | None = None) -> np.ndarray:
    """Codes that a short `nt-host adapt` ends with on `port`; fails unless its exit status is 0."""
    out = folder / f"run-{loop}"
    setting = (
        "--image",
        packaged_image("digits"),
        "--data",
        few_samples(folder),
        "--labels-per-class",
        "4",
        "--seed",
        str(SEED),
    )
    command = cli_command("adapt", "--port", port, *setting, "--steps", "8", "--loop", loop, "--out", out, "--json")
    more = {} if firmware is None else {"NT_FIRMWARE_DIR": str(firmware)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, env=cli_environment(folder, more), check=False
    )
    assert done.returncode == 0, (SEED, port, done.stderr)
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "adapt"
    return read_codes_file(out / "codes.toml").codes


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Codes of the golden chip, by loop."""
    return {loop: adapted("sim:ideal", loop, tmp_path_factory.mktemp("sim")) for loop in LOOPS}


def read_back(port: str) -> np.ndarray:
    chip = open_chip(port, read_image(packaged_image("digits")))
    try:
        return chip.read_codes()[0]
    finally:
        chip.close()


def test_both_loops_move_the_simulated_chip_alike(expected: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(expected["host"], expected["device"])
    assert np.count_nonzero(expected["host"] != 128) > expected["host"].size // 4


@pytest.mark.parametrize("loop", LOOPS)
def test_emulated_board_ends_with_the_codes_of_the_simulated_chip(
    loop: str, expected: dict[str, np.ndarray], boards: Path, tmp_path: Path
) -> None:
    tool_require("qemu-system-arm")
    codes = adapted("emu:netduinoplus2", loop, tmp_path, boards)
    np.testing.assert_array_equal(codes, expected[loop], err_msg=f"seed {SEED}")
    assert none_left(boards / "stm32f405" / "nt-firmware.elf")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def own_emulator(firmware: Path, folder: Path) -> Iterator[str]:
    """An emulator as a user starts it: it waits for the first host, and serves the next ones."""
    image, port = folder / "chip.ntrom", free_port()
    image.write_bytes(image_bytes(read_image(packaged_image("digits")).image))
    command = [qemu_find(), "-M", "netduinoplus2", "-kernel", str(firmware), "-nodefaults", "-display", "none"]
    command += ["-device", f"loader,file={image},addr={IMAGE_AT:#x},force-raw=on"]
    command += ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=on,nodelay=on"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as emulator:
        try:
            listens(port, emulator)
            yield f"socket://127.0.0.1:{port}"
        finally:
            emulator.kill()


def listens(port: int, emulator: subprocess.Popen[bytes]) -> None:
    """Wait until the port is taken, without connecting: the first to connect is the host."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and emulator.poll() is None:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.05)
    raise AssertionError("QEMU does not listen")


@pytest.mark.parametrize("loop", LOOPS)
def test_emulator_that_the_user_started(
    loop: str, expected: dict[str, np.ndarray], boards: Path, tmp_path: Path
) -> None:
    tool_require("qemu-system-arm")
    with own_emulator(boards / "stm32f405" / "nt-firmware.elf", tmp_path) as port:
        np.testing.assert_array_equal(adapted(port, loop, tmp_path), expected[loop], err_msg=f"seed {SEED}")
        np.testing.assert_array_equal(read_back(port), expected[loop])


@pytest.mark.parametrize("loop", LOOPS)
def test_native_chip_on_a_socket(loop: str, expected: dict[str, np.ndarray], posix: Path, tmp_path: Path) -> None:
    image = packaged_image("digits")
    with listening(posix / "nt-chip", "tcp:0", "--image", os.fspath(image)) as port:
        np.testing.assert_array_equal(adapted(port, loop, tmp_path), expected[loop], err_msg=f"seed {SEED}")
        np.testing.assert_array_equal(read_back(port), expected[loop])
