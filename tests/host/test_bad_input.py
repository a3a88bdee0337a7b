"""Bad input: one clear error with cause and next step, an exit code of its own, and a chip left as it was."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nt_hil.open import make_device, open_chip
from nt_hil.port import SimPort
from nt_hil.serve import StopFlag, run_tcp
from nt_host.cli.main import run
from nt_host.codes_file import CodeSnapshot, write_codes_file
from nt_model.image_file import LoadedImage, image_bytes, read_image, write_image

from .conftest import small_image


@dataclass(frozen=True)
class Bench:
    """A served chip at `port` with the image file `image`, and a folder to break things in."""

    folder: Path
    image: Path
    loaded: LoadedImage
    port: str

    def data(self, **changed: object) -> Path:
        rng = np.random.default_rng(0)
        arrays: dict[str, object] = {
            "features": rng.normal(size=(40, 6)),
            "labels": np.arange(40) % 3,
            "domain": np.arange(40) // 20,
        }
        path = self.folder / "data.npz"
        np.savez(path, **{**arrays, **changed})  # type: ignore[arg-type]
        return path

    def adapt(self, **options: object) -> list[str]:
        chosen = {
            "port": self.port,
            "image": self.image,
            "steps": 1,
            "deadline": 1,
            "out": self.folder / "run",
            **options,
        }
        if "data" not in chosen and "task" not in chosen:
            chosen["data"] = self.data()
        return ["adapt", *(f"--{name.replace('_', '-')}={value}" for name, value in chosen.items())]


@contextmanager
def served(loaded: LoadedImage) -> Iterator[str]:
    """A simulated chip on a socket that outlives connections."""
    ports: list[str] = []
    ready, stop = threading.Event(), StopFlag()

    def announce(port: str) -> None:
        ports.append(port)
        ready.set()

    device = make_device(loaded, SimPort("quiet", 5))
    thread = threading.Thread(target=run_tcp, args=(device, stop, announce))
    thread.start()
    try:
        assert ready.wait(60)
        yield ports[0]
    finally:
        stop.stop()
        thread.join(10)
        stop.close()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    image = tmp_path / "good.ntrom"
    write_image(image, small_image())
    loaded = read_image(image)
    with served(loaded) as port:
        yield Bench(tmp_path, image, loaded, port)


def truncated_image(bench: Bench) -> list[str]:
    path = bench.folder / "short.ntrom"
    path.write_bytes(bench.image.read_bytes()[:-40])
    return bench.adapt(image=path)


def altered_image(bench: Bench) -> list[str]:
    data = bytearray(bench.image.read_bytes())
    data[len(data) // 2] ^= 1
    path = bench.folder / "altered.ntrom"
    path.write_bytes(data)
    return bench.adapt(image=path)


def newer_image(bench: Bench) -> list[str]:
    data = bytearray(bench.image.read_bytes())
    data[8] = 9
    path = bench.folder / "newer.ntrom"
    path.write_bytes(data)
    return bench.adapt(image=path)


def other_image(bench: Bench) -> list[str]:
    path = bench.folder / "other.ntrom"
    path.write_bytes(image_bytes(small_image(seed=99)))
    return bench.adapt(image=path)


def codes_of(bench: Bench, uid: str, digest: str) -> list[str]:
    path = bench.folder / "codes.toml"
    codes = np.full(bench.loaded.image.n_codes, 7, np.uint8)
    write_codes_file(path, CodeSnapshot(codes, uid, digest, ""))
    return ["codes", "load", str(path), f"--port={bench.port}", f"--image={bench.image}", "--deadline=1"]


def busy_port(bench: Bench) -> list[str]:
    # One connection at a time: the second host hears nothing.
    host, port = bench.port.removeprefix("socket://").split(":")
    held = socket.create_connection((host, int(port)))
    HELD.append(held)
    return bench.adapt()


def garbage_port(bench: Bench) -> list[str]:
    server = socket.create_server(("127.0.0.1", 0))
    HELD.append(server)

    def chatter() -> None:
        peer, _ = server.accept()
        with peer:
            while peer.recv(4096):
                peer.sendall(b"login: \x00Linux 6.1\x00\xff\xfe" * 8)

    threading.Thread(target=chatter, daemon=True).start()
    return bench.adapt(port=f"socket://127.0.0.1:{server.getsockname()[1]}")


def network_file(bench: Bench, **changed: object) -> list[str]:
    rng = np.random.default_rng(0)
    arrays: dict[str, object] = {
        "weight_0": rng.integers(-7, 8, (4, 6)),
        "bias_0": np.zeros(4, int),
        "threshold_0": np.full(4, 256),
        "encoder_kind": "binary",
        "encoder_offset": np.zeros(6),
        "encoder_scale": np.ones(6),
        **changed,
    }
    path = bench.folder / "network.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return ["build", str(path), f"--out={bench.folder / 'out.ntrom'}"]


HELD: list[socket.socket] = []
GOOD_UID, GOOD_DIGEST = "the chip's", "the image's"
NAN = np.full((40, 6), np.nan)

CASES: dict[str, tuple[Callable[[Bench], list[str]], int, str]] = {
    "image truncated": (truncated_image, 2, "truncated"),
    "image altered": (altered_image, 2, "altered"),
    "image of a newer version": (newer_image, 5, "format version 9"),
    "image of another chip": (other_image, 2, "image"),
    "image absent": (lambda b: b.adapt(image=b.folder / "none.ntrom"), 2, "no chip image"),
    "NPZ absent": (lambda b: b.adapt(data=b.folder / "none.npz"), 2, "no data file"),
    "NPZ that is none": (lambda b: b.adapt(data=b.image), 2, "not a readable NPZ"),
    "NPZ without labels": (lambda b: b.adapt(data=network_file(b)[1]), 2, "lacks the array"),
    "NPZ of wrong shape": (lambda b: b.adapt(data=b.data(features=np.zeros(40))), 2, "not a table"),
    "NPZ of wrong length": (lambda b: b.adapt(data=b.data(labels=np.zeros(7))), 2, "one per sample"),
    "NPZ of wrong width": (lambda b: b.adapt(data=b.data(features=np.zeros((40, 5)))), 2, "do not fit the image"),
    "NPZ with NaN": (lambda b: b.adapt(data=b.data(features=NAN)), 2, "NaN"),
    "NPZ with text": (lambda b: b.adapt(data=b.data(features=np.full((40, 6), "x"))), 2, "not numbers"),
    "label negative": (lambda b: b.adapt(data=b.data(labels=np.arange(40) % 3 - 1)), 2, "label is out of range"),
    "label too high": (lambda b: b.adapt(data=b.data(labels=np.arange(40) % 4)), 2, "label is out of range"),
    "label not whole": (lambda b: b.adapt(data=b.data(labels=np.full(40, 0.5))), 2, "not whole numbers"),
    "domain unknown": (lambda b: b.adapt(domain="mars"), 2, "no domain 'mars'"),
    "task unknown": (lambda b: b.adapt(task="chess"), 2, "no task is called"),
    "rule unknown": (lambda b: b.adapt(rule="magic"), 2, "no rule is called"),
    "rule setting unknown": (lambda b: b.adapt(set="magic=1"), 2, "no setting 'magic'"),
    "rule setting malformed": (lambda b: b.adapt(set="rate_code"), 2, "NAME=NUMBER"),
    "held-out share of all": (lambda b: b.adapt(held_out=1), 2, "held-out share"),
    "codes of another chip": (lambda b: codes_of(b, "f" * 16, b.loaded.digest), 2, "another chip"),
    "codes of another image": (lambda b: codes_of(b, GOOD_UID, "0" * 64), 2, "another image"),
    "port absent": (lambda b: b.adapt(port="/dev/ttyNONE7"), 4, "no port"),
    "port refused": (lambda b: b.adapt(port="socket://127.0.0.1:9"), 4, ""),
    "port busy": (busy_port, 4, ""),
    "port answers garbage": (garbage_port, 4, ""),
    "port malformed": (lambda b: b.adapt(port="sim:typical,seed=red"), 2, "seed"),
    "corner unknown": (lambda b: b.adapt(port="sim:moon"), 2, "no process corner"),
    "weight outside -7..7": (lambda b: network_file(b, weight_0=np.full((4, 6), 8)), 2, "outside -7..7"),
    "domain map with holes": (lambda b: network_file(b, domain_0=np.array([0, 1, 3, 4])), 2, "holes"),
    "option unknown": (lambda b: ["adapt", "--magic"], 2, "--magic"),
    "no port": (lambda b: ["adapt", f"--image={b.image}"], 2, "no port"),
    "nothing to resume": (lambda b: ["adapt", f"--resume={b.folder}"], 2, "no run to resume"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_one_clear_error_and_changes_nothing(
    case: str, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    make, exit_code, cause = CASES[case]
    arguments = make(bench)
    files = sorted(bench.folder.rglob("*"))
    try:
        code = run(arguments)
    finally:
        while HELD:
            HELD.pop().close()
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert code == exit_code, captured.err
    assert len(errors) == 1
    assert cause in errors[0]
    assert any(line.startswith("next: ") and len(line) > 10 for line in lines), captured.err
    assert captured.out == ""
    assert sorted(bench.folder.rglob("*")) == files, "a refused job leaves no file behind"
    chip = open_chip(bench.port, bench.loaded)
    codes, revision = chip.read_codes()
    chip.close()
    assert (codes == 128).all()
    assert revision == 0


def test_a_missed_target_has_its_own_exit_code(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bench.adapt(target_accuracy=1.0, port="sim:quiet")) == 7
    assert "misses the accuracy" in capsys.readouterr().err
