"""A user's module as the start: what it knows is there after a few steps, and what cannot be a start is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

import torch
from torch import nn

from nt_host.cli.main import run
from nt_host.pretrain import PretrainError, TrainedNetwork, TrainSpec, fit_encoder
from nt_host.pretrain.from_module import load_module, spec_of_module, start_from_module
from nt_host.pretrain.spike_train import train
from nt_host.pretrain.trained import forward
from nt_model.errors import UsageError
from nt_model.image_file import read_image

pytestmark = pytest.mark.torch

CLASSES, FEATURES = 3, 12
SPEC = TrainSpec(population=4, steps=2, batch_size=64, learning_rate=1e-3)


def clusters() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Six clusters far from the origin, two to a class."""
    rng = np.random.default_rng(4)
    centres = rng.normal(0, 1.0, (2 * CLASSES, FEATURES))
    which = np.arange(900) % len(centres)
    features = centres[which] + rng.normal(0, 0.5, (900, FEATURES)) + 5
    return features.astype(np.float32), which % CLASSES


def learned_module() -> nn.Module:
    """A small network trained on the clusters in float."""
    torch.manual_seed(0)
    features, labels = clusters()
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    module = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    optimiser = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(400):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimiser.step()
    return module


def started(module: nn.Module | None, spec: TrainSpec = SPEC) -> TrainedNetwork:
    """The network after two small steps from `module`, or from random weights."""
    features, labels = clusters()
    sized = replace(spec, hidden=(64,)) if module is None else spec_of_module(module, spec)
    return train(sized, features, labels, fit_encoder(features, "none"), module=module)


def test_hidden_neurons_spike_where_units_are_active() -> None:
    module, (features, _) = learned_module(), clusters()
    assert isinstance(module, nn.Sequential)
    active = module[0](torch.from_numpy(features)).detach().numpy() > 0
    events = fit_encoder(features, "none").encode(features)
    longer = replace(SPEC, steps=30)
    assert (forward(started(module, longer).layers[:1], events) == active).mean() > 0.97
    assert (forward(started(None, longer).layers[:1], events) == active).mean() < 0.7


def test_what_the_module_knows_is_there_from_the_start() -> None:
    assert started(learned_module()).train_accuracy > started(None).train_accuracy + 0.1


def test_hidden_layers_are_those_of_the_module() -> None:
    module = nn.Sequential(
        nn.Linear(FEATURES, 7), nn.Tanh(), nn.Sequential(nn.Linear(7, 5), nn.ReLU()), nn.Linear(5, 3)
    )
    assert spec_of_module(module, SPEC).hidden == (7, 5)


class Skip(nn.Module):
    """Uses its layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(FEATURES, FEATURES)
        self.outer = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outer: torch.Tensor = self.outer(self.inner(self.inner(x)))
        return outer


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Linear(4, 3)), "Conv1d"),
        (nn.ReLU(), "no layer with weights"),
        (nn.Linear(FEATURES + 1, CLASSES), "does not take features"),
        (nn.Linear(FEATURES, CLASSES + 1), "4 outputs"),
        (Skip(), "chain"),
    ],
)
def test_a_module_that_the_array_cannot_hold_is_refused(module: nn.Module, told: str) -> None:
    features, _ = clusters()
    with pytest.raises(PretrainError, match=told):
        start_from_module(module, SPEC, features, fit_encoder(features, "none"), CLASSES)


@pytest.mark.parametrize("reference", ["none.py:net", "net.py", "net.py:absent", "net.py:number"])
def test_a_reference_to_no_module_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text("number = 3\n")
    with pytest.raises(UsageError, match="module"):
        load_module(reference)


def test_the_command_makes_an_image_of_a_users_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    features, labels = clusters()
    np.savez("clusters.npz", X=features, y=labels, domain=np.zeros(len(labels), np.int64))
    Path("net.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 3))\n"
    )
    command = ["pretrain", "--data", "clusters.npz", "--module", "net.py:build", "--steps", "3", "--out", "net.ntrom"]
    result = run(command)
    assert result == 0
    assert [layer.n_neurons for layer in read_image(Path("net.ntrom")).image.layers] == [9, 3 * TrainSpec().population]
    assert run([*command, "--hidden", "8"]) == 2
