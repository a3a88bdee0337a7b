"""NEON kernels, cross-compiled and run by qemu-user, against the golden model; skipped where the two are missing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nt_model.core_build import HOST_UNITS, UNITS
from nt_model.core_host import PATHS
from nt_model.engine import NumpyEngine
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes
from nt_model.operating import Operating
from tests.core.cases import build_events, build_image, wild_operating
from tests.core.test_array import choice_of

ROOT = Path(__file__).resolve().parents[2]
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
pytestmark = pytest.mark.neon


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None:
        pytest.skip("needs a cross compiler: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user")
    target = tmp_path_factory.mktemp("neon") / "replay"
    folders = {name: ROOT / "firmware" / name for name in ("core", "host")}
    sources = [folders["core"] / f"{unit}.c" for unit in UNITS] + [folders["host"] / f"{unit}.c" for unit in HOST_UNITS]
    includes = [f"-I{folder}" for folder in folders.values()]
    command = [
        COMPILER,
        "-std=c11",
        "-O2",
        "-static",
        "-pthread",
        *includes,
        str(Path(__file__).parent / "host_replay.c"),
    ]
    done = subprocess.run(
        [*command, *map(str, sources), "-o", str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target


def _words(*numbers: int) -> bytes:
    return np.array(numbers, np.uint32).tobytes()


def _image_pieces(image: Image) -> Iterator[bytes]:
    yield _words(len(image.layers))
    for layer in image.layers:
        yield _words(layer.n_inputs, layer.n_neurons, layer.refractory)
        yield from (part.tobytes() for part in (layer.packed.columns, layer.bias, layer.domain))
    yield _words(image.n_codes) + image.readout_class.tobytes()


def _point_pieces(operating: Operating) -> Iterator[bytes]:
    for one in operating.layers:
        arrays = (one.gain_q12, one.threshold_q8, one.leak_q16, one.noise_q8, one.fault)
        yield from (part.tobytes() for part in arrays)
        yield _words(one.noise_seed)


@pytest.mark.parametrize("path", range(len(PATHS)))
@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("sizes", [(1, 1, 2), (70, 130, 9), (4500, 40, 33, 5)])
@pytest.mark.parametrize("events", ["binary", "counts"])
def test_case_is_that_of_the_golden_model(
    program: Path, sizes: tuple[int, ...], steps: int, path: int, events: str
) -> None:
    image = build_image(choice_of(sizes, domains="split"))
    rng = np.random.default_rng(3)
    operating = wild_operating(9, image, noise_seed=77)
    x = build_events(2, events, image, 67, steps)
    labels = rng.integers(0, image.n_classes, len(x))
    plus, minus = (
        tuple(rng.integers(0, 2, (len(x), layer.n_neurons)).astype(np.uint8) for layer in image.layers) for _ in "+-"
    )
    codes = rng.integers(0, 256, image.n_codes).astype(np.uint8)
    pieces = [
        *_image_pieces(image),
        *_point_pieces(operating),
        _words(image.n_neurons, image.n_codes, len(x), steps, path),
        x.tobytes(),
        *(np.concatenate(part, axis=1).tobytes() for part in (plus, minus)),
        labels.astype(np.int64).tobytes(),
        codes.tobytes(),
    ]
    done = subprocess.run([EMULATOR, str(program)], input=b"".join(pieces), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"neon\n")
    golden = NumpyEngine(image)
    forward = golden.forward(operating, x, 5)
    learned = golden.learn(LearnState.at(codes), Spikes(plus, plus, minus), labels, LearnSettings())
    expected = [np.concatenate(part, axis=1) for part in (forward.counts, forward.compared_q8, forward.membrane_q8)]
    after = [learned.codes, learned.accumulator_q8, learned.mean_q8]
    assert done.stdout == b"".join(part.tobytes() for part in [*expected, *after])
