"""The whole firmware on each target, through the protocol: spikes, codes and commits as the golden model has them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nt_hil.chip import Dither, Readout
from nt_hil.client import ChipClient
from nt_hil.emulator import EmulatorLink
from nt_hil.links.base import Link
from nt_hil.session import Session, SessionOptions
from nt_model.array import run, run_dithered
from nt_model.image import Image
from nt_model.image_file import image_bytes
from nt_model.operating import ideal_operating
from tests.firmware.test_posix_chip import connect, listening
from tests.model.strategies import make_image

BAUD = 115_200
"""What an emulated UART takes per second is of this order; the retransmission time-out allows for it."""
UID = 0x0123_4567_89AB_CDEF
EMULATED = [pytest.param(name, marks=pytest.mark.emulator) for name in ("netduinoplus2", "mps2-an386")]


class SocketLink(EmulatorLink):
    """The native chip's socket: an emulator without an emulator."""

    def __init__(self, connection: socket.socket) -> None:
        class Running:
            def log_tail(self) -> str:
                return ""

            def stop(self) -> None:
                pass

        super().__init__(connection, Running(), "native chip")  # type: ignore[arg-type]


def client(link: Link) -> ChipClient:
    return ChipClient(Session(link, SessionOptions(10.0, baud=BAUD)))


@pytest.fixture(scope="module")
def image() -> Image:
    return make_image(3, (40, 24, 6), classes=6)


@pytest.fixture(params=["posix", *EMULATED])
def chip(request: pytest.FixtureRequest, image: Image, tmp_path: Path) -> Iterator[ChipClient]:
    """Each target in turn, with `image` in its ROM."""
    if request.param != "posix":
        emulate: Callable[..., EmulatorLink] = request.getfixturevalue("emulate")
        yield client(emulate(request.param, "nt-firmware", content=image_bytes(image), uid=UID))
        return
    program: Path = request.getfixturevalue("posix")
    file = tmp_path / "image.ntrom"
    file.write_bytes(image_bytes(image))
    options = ("--image", str(file), "--uid", f"{UID:x}")
    with listening(program / "nt-chip", f"unix:{tmp_path / 'uart'}", *options) as address, connect(address) as peer:
        yield client(SocketLink(peer))


def events(image: Image, samples: int) -> np.ndarray:
    return (np.random.default_rng(1).random((samples, image.n_inputs)) < 0.3).astype(np.uint8)


def moved(codes: np.ndarray, by: int) -> np.ndarray:
    return np.clip(codes.astype(np.int16) + by, 0, 255).astype(np.uint8)


def test_hello_tells_what_the_chip_is(chip: ChipClient, image: Image) -> None:
    assert chip.info.uid == f"{UID:016x}"
    assert chip.info.layer_sizes == (40, 24, 6)
    assert chip.info.reset_reason == "power-on"
    assert chip.info.input_slots >= 16


def test_spikes_are_those_of_the_golden_model(chip: ChipClient, image: Image) -> None:
    codes = np.random.default_rng(2).integers(60, 220, image.n_codes).astype(np.uint8)
    chip.write_codes(codes)
    x = events(image, 12)
    response = chip.present(x, Readout(hidden=True, dither=Dither(20, 9)))
    golden = ideal_operating(image, codes)
    for layer, expected in zip(response.plain, run(image, golden, x[:, None, :]), strict=True):
        np.testing.assert_array_equal(layer, expected.counts)
    last = image.layers[-1].domain
    for sign, plane in ((1, response.plus), (-1, response.minus)):
        dithered = moved(codes, sign * 20)
        dithered[last] = moved(codes, sign * 9)[last]
        expected = run_dithered(image, golden, ideal_operating(image, dithered), x[:, None, :])
        for layer, counts in zip(plane, expected, strict=True):
            np.testing.assert_array_equal(layer, counts)


def test_committed_codes_survive_a_reset(chip: ChipClient, image: Image) -> None:
    codes = np.arange(image.n_codes, dtype=np.uint8) + 100
    chip.write_codes(codes)
    generation = chip.commit()
    chip.write_codes(codes + np.uint8(1))
    chip.reset()
    assert chip.info.reset_reason == "software"
    assert chip.info.nv_generation == generation
    np.testing.assert_array_equal(chip.read_codes()[0], codes)


@pytest.mark.emulator
def test_nv_file_outlives_the_emulator(emulate: Callable[..., EmulatorLink], image: Image, tmp_path: Path) -> None:
    start = {"content": image_bytes(image), "uid": UID, "nv_file": tmp_path / "nv.bin"}
    codes = np.arange(image.n_codes, dtype=np.uint8) + 100
    with_power = client(emulate("mps2-an386", "nt-firmware", **start))
    with_power.write_codes(codes)
    with_power.commit()
    with_power.close()
    again = client(emulate("mps2-an386", "nt-firmware", **start))
    assert again.info.reset_reason == "power-on"
    np.testing.assert_array_equal(again.read_codes()[0], codes)


def test_chip_without_an_image_says_so(posix: Path) -> None:
    """It boots and tells where it is; a host meets a refusal and not silence."""
    result = subprocess.run([posix / "nt-chip"], input=b"", capture_output=True, timeout=60, check=True)
    assert result.stdout.startswith(b"\0nt-host firmware")
