"""Which ports are judged: the native chip and both emulated boards, or the one that --chip names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nt_hil.emulator import EmulatorOptions, open_emulator
from nt_hil.links.base import Link
from nt_hil.open import open_link
from nt_hil.port import parse_port
from nt_model.image import Image
from nt_model.image_file import image_bytes, read_image
from tests.firmware.conftest import make, tool_require
from tests.firmware.nt_chip import CutLink, NativeBoard
from tests.model.strategies import make_image
from tests.port_conformance.bench import Bench, connect

SILENCE_S = 3.0
"""Of the native chip built here; a shipped firmware waits two minutes."""
EMULATED_SILENCE_S = 5.0
"""A board that QEMU emulates beside other work takes seconds to read some kilobytes of garbage."""
SHIPPED_SILENCE_S = 120.0
BAUD = 115_200
UID = 0x0123_4567_89AB_CDEF
DIGITS = Path(__file__).parents[2] / "host" / "nt_host" / "images" / "digits.ntrom"
EMULATED = {"netduinoplus2": "stm32f405", "mps2-an386": "mps2_an386"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("port conformance")
    group.addoption("--chip", help="port of the board to judge, as --port of nt-host (or NT_HOST_CHIP)")
    group.addoption("--chip-image", help=f"image in its flash (or NT_HOST_CHIP_IMAGE; else {DIGITS.name})")
    group.addoption("--chip-baud", type=int, default=BAUD, help=f"rate of its line ({BAUD})")
    group.addoption(
        "--chip-silence-s", type=float, default=SHIPPED_SILENCE_S, help="its NT_SILENCE_US, in seconds (120)"
    )


def chip_named(config: pytest.Config) -> str | None:
    return config.getoption("chip", None) or os.environ.get("NT_HOST_CHIP")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bench" not in metafunc.fixturenames:
        return
    named = chip_named(metafunc.config)
    emulated = [pytest.param(f"emu:{name}", marks=pytest.mark.emulator) for name in EMULATED]
    metafunc.parametrize("bench", [named] if named else ["posix", *emulated], indirect=True)


@pytest.fixture(scope="session")
def image() -> Image:
    """Wide enough for the longest frames both ways, small enough for 128 KiB of RAM."""
    return make_image(3, (600, 200, 10), classes=10)


def _bench(name: str, link: Link, image: Image, *, baud: int, silence_s: float, fresh: bool) -> Bench:
    return Bench(name, link, image, baud, silence_s, fresh, connect(link, baud).info)


def _named_bench(name: str, config: pytest.Config) -> Iterator[Bench]:
    path = config.getoption("chip_image", None) or os.environ.get("NT_HOST_CHIP_IMAGE") or DIGITS
    loaded = read_image(Path(path))
    baud, silence_s = config.getoption("chip_baud", BAUD), config.getoption("chip_silence_s", SHIPPED_SILENCE_S)
    with closing(open_link(parse_port(name), loaded, baud=baud)) as link:
        bench = _bench(name, link, loaded.image, baud=baud, silence_s=silence_s, fresh=False)
        assert bench.first.image_digest == loaded.digest, f"the chip holds another image than {path}: use --chip-image"
        yield bench


def _emulated_bench(name: str, build: Path, image: Image) -> Iterator[Bench]:
    tool_require("make", "arm-none-eabi-gcc", "qemu-system-arm")
    machine = name.removeprefix("emu:")
    result = make(EMULATED[machine], build, _silence(EMULATED_SILENCE_S))
    assert (result.returncode, result.stderr) == (0, "")
    firmware = build / EMULATED[machine] / "nt-firmware.elf"
    options = EmulatorOptions(machine, firmware=firmware, uid=UID)
    with closing(open_emulator(options, image_bytes(image))) as link:
        yield _bench(name, link, image, baud=BAUD, silence_s=EMULATED_SILENCE_S, fresh=True)


def _silence(silence_s: float) -> str:
    return f"DEFINES=-DNT_SILENCE_US={round(silence_s * 1e6)}u"


def native_bench(program: Path, folder: Path, image: Image) -> Iterator[Bench]:
    """`program` on a Unix socket; its files go to `folder`."""
    path = folder / "image.ntrom"
    path.write_bytes(image_bytes(image))
    board = NativeBoard(program, path, folder)
    try:
        link = CutLink(board)
        yield _bench("posix", link, image, baud=BAUD, silence_s=SILENCE_S, fresh=True)
        link.close()
    finally:
        board.power_off()


@pytest.fixture(scope="session")
def native_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the native chip, built with both checkers and a short silence."""
    tool_require("make", "cc")
    build = tmp_path_factory.mktemp("native")
    result = make("posix", build, "SANITIZE=1", _silence(SILENCE_S))
    assert (result.returncode, result.stderr) == (0, "")
    return build / "posix"


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, image: Image) -> Iterator[Bench]:
    """One port after the other; all checks meet the same running chip."""
    folder = tmp_path_factory.mktemp("port")
    if chip_named(request.config):
        yield from _named_bench(request.param, request.config)
    elif request.param == "posix":
        yield from native_bench(request.getfixturevalue("native_build") / "nt-chip", folder, image)
    else:
        yield from _emulated_bench(request.param, folder, image)
