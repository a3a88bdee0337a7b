"""The whole firmware as a process: `open_chip` drives it over a socket and over a pty, as it would a board."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nt_hil.open import open_chip
from nt_hil.sim.codes import CodeLimits
from nt_model.image_file import image_bytes, parse_image, write_image
from nt_model.learn import LearnSettings
from tests.core.cases import build_image
from tests.device.native import NativeDevice
from tests.device.pair import Pair
from tests.device.test_client import CHOICE, client_of, samples
from tests.firmware.conftest import native_programs


@pytest.fixture(scope="session")
def program(run_folder: Path) -> Path:
    return native_programs(run_folder) / "nt-chip"


@pytest.fixture(params=["tcp:0", "pty"])
def port(request: pytest.FixtureRequest, program: Path, tmp_path: Path) -> Iterator[str]:
    image = tmp_path / "chip.ntrom"
    write_image(image, build_image(CHOICE))
    command = [str(program), "--listen", request.param, "--image", str(image)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as chip:
        assert chip.stdout is not None
        try:
            yield chip.stdout.readline().strip()
        finally:
            chip.kill()


def test_open_chip_drives_it(port: str, native: NativeDevice) -> None:
    image = build_image(CHOICE)
    x, labels = samples(image, 16), np.arange(16) % image.n_classes
    golden = client_of(Pair(native, CHOICE, CodeLimits()).golden)
    ours = open_chip(port, parse_image(image_bytes(image)))
    try:
        for chip in (golden, ours):
            chip.load_samples(x)
            chip.learn_start(LearnSettings(hidden_dither_code=40, output_dither_code=20, rate_q8=300))
            for _ in range(5):
                chip.learn_loaded(np.arange(16), labels, 300)
        codes = ours.read_codes()[0]
        assert (codes == golden.read_codes()[0]).all()
        assert ours.commit() == 1
        ours.reset()
        assert ours.info.boot_count == 2
        assert (ours.read_codes()[0] == codes).all()
    finally:
        ours.close()
