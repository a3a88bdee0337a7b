"""`nt-host pretrain`: switches beside random neurons and neurons that count learn; what excludes them is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nt_host.cli.main import run
from nt_model.image_file import read_image

CLASSES, FEATURES = 3, 12


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mine.npz in the present folder: three clusters, moved by the same shift in a second domain."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    labels = np.arange(600) % CLASSES
    domain = np.arange(600) // 300
    shift = rng.normal(0, 1.0, FEATURES)
    features = rng.normal(0, 1.0, (CLASSES, FEATURES))[labels] + domain[:, None] * shift
    features += rng.normal(0, 0.2, features.shape)
    np.savez("mine.npz", X=features.astype(np.float32), y=labels, domain=domain)


def adapted(capsys: pytest.CaptureFixture[str], image: str, rule: str) -> float:
    """Accuracy on the second domain after learning with `rule` on a simulated chip."""
    capsys.readouterr()
    command = ["adapt", "--port", "sim:typical", "--image", image, "--data", "mine.npz", "--labels-per-class", "12"]
    assert run([*command, "--rule", rule, "--steps", "150", "--held-out", "0", "--out", "run", "--json"]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    return float(line["after"]["argmax"])


@pytest.mark.usefixtures("recordings")
def test_neurons_that_count_learn_by_their_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrain", "--data", "mine.npz", "--counting", "--out", "counting.ntrom"]) == 0
    image = read_image(Path("counting.ntrom")).image
    assert image.n_steps > 1
    assert len(image.layers) == 1
    assert adapted(capsys, "counting.ntrom", "scores") > 0.9


@pytest.mark.torch
@pytest.mark.usefixtures("recordings")
def test_random_neurons_stand_beside_the_trained_ones(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")
    trained = ["pretrain", "--data", "mine.npz", "--hidden", "32", "--steps", "100"]
    assert run([*trained, "--switches", "64", "--random", "40", "--out", "switches.ntrom"]) == 0
    image = read_image(Path("switches.ntrom")).image
    assert [layer.n_neurons for layer in image.layers] == [72, CLASSES * 64]
    assert adapted(capsys, "switches.ntrom", "ballot") > 0.8


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--random", "8"], "--switches"),
        (["--counting", "--switches", "64"], "exclude"),
        (["--counting", "--random", "8"], "exclude"),
        (["--counting", "--hidden", "8"], "exclude"),
        (["--counting", "--steps", "8"], "exclude"),
        (["--counting", "--module", "net.py:build"], "exclude"),
        (["--switches", "64", "--random", "-1"], "random is -1"),
    ],
)
def test_what_excludes_another_is_refused(capsys: pytest.CaptureFixture[str], options: list[str], told: str) -> None:
    pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")
    assert run(["pretrain", "--data", "mine.npz", "--out", "none.ntrom", *options]) == 2
    assert told in capsys.readouterr().err
    assert not Path("none.ntrom").exists()
