"""Small images and chips for the tests of the host tool; every chip here is reached over the wire."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nt_host.circuit.ngspice import PACKAGE_COMMAND
from nt_host.cli import main
from nt_host.compile import NetworkLayer, compile_network
from nt_host.images import packaged_image
from nt_model.image import EncoderSpec, Image
from nt_model.image_file import LoadedImage, image_bytes, parse_image

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


def small_image(seed: int = 3, n_features: int = 6, hidden: int = 12, n_classes: int = 3, population: int = 2) -> Image:
    """A random two-layer image with count encoder."""
    rng = np.random.default_rng(seed)
    outputs = n_classes * population
    layers = [
        NetworkLayer(
            rng.integers(-7, 8, (hidden, 2 * n_features)),
            rng.integers(-20, 20, hidden),
            rng.integers(200, 4000, hidden),
        ),
        NetworkLayer(
            rng.integers(-7, 8, (outputs, hidden)), rng.integers(-5, 5, outputs), rng.integers(100, 1500, outputs)
        ),
    ]
    encoder = EncoderSpec("count", "none", 8, np.zeros(n_features, np.float32), np.ones(n_features, np.float32))
    return compile_network(
        layers,
        np.repeat(np.arange(n_classes), population).astype(np.uint16),
        encoder,
        metadata={"source": "random, for tests"},
    )


@pytest.fixture
def image() -> Image:
    return small_image()


@pytest.fixture
def loaded(image: Image) -> LoadedImage:
    return parse_image(image_bytes(image))


@pytest.fixture
def digits_image() -> Path:
    return packaged_image("digits")


@pytest.fixture
def ngspice() -> None:
    """For tests that simulate circuits: skipped without ngspice, which fails in CI."""
    if shutil.which("ngspice") is None:
        pytest.skip(f"ngspice is not installed; try `{PACKAGE_COMMAND}`")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCli:
    """Run `nt-host` in an empty folder, in this process: starting a new one for each call takes a second."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("NT_HOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def run(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            words = [str(argument) for argument in arguments]
            code = main.run(words)
        captured = capsys.readouterr()
        return subprocess.CompletedProcess(words, code, captured.out, captured.err)

    return run


@pytest.fixture
def cli_process(tmp_path: Path) -> RunCli:
    """Run `nt-host` as a process of its own in an empty folder."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            cli_command(*arguments),
            cwd=tmp_path,
            env=cli_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    return run


def cli_command(*arguments: str | Path) -> list[str]:
    """The command line of `nt-host` with this Python."""
    return [sys.executable, "-c", "from nt_host.cli.main import main; main()", *map(str, arguments)]


def cli_environment(home: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """This environment without anything of the user's that could change a result."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NT_HOST_")}
    return {
        **kept,
        "XDG_CONFIG_HOME": str(home / "no-config"),
        "XDG_DATA_HOME": str(home / "data"),
        "COLUMNS": "200",
        **(more or {}),
    }
