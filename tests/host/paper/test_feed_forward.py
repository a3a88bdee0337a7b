"""The feed-forward network of tables 1 to 5: frozen means frozen, counts are what learns, NT1 is not NT2."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

from nt_host.paper.counts import (  # noqa: E402
    VGG19_CLASSIFIER,
    feeding_gains,
    full_parameters,
    head_parameters,
    hidden_gains,
)
from nt_host.paper.feed_forward_tables import tuned_parameters  # noqa: E402
from nt_host.paper.frozen import FrozenLayers  # noqa: E402
from nt_host.paper.networks import TunedNetwork  # noqa: E402
from nt_host.paper.protocol import feed_forward_accuracy, tuned_network  # noqa: E402
from nt_host.paper.recipe import Tuning  # noqa: E402
from tests.host.paper.made import N_CLASSES, made_layers, made_split, made_task  # noqa: E402

pytestmark = pytest.mark.torch

WAYS = [Tuning(method, 0.01) for method in ("none", "nt1", "nt2", "additive", "tft")]
WAYS.append(Tuning("nt2", 0.01, is_fewer=True))


def made_network(tuning: Tuning, n_layers: int = 1) -> TunedNetwork:
    return TunedNetwork(made_layers(n_layers), N_CLASSES, tuning, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("tuning", WAYS, ids=lambda each: each.key)
def test_counts_are_the_parameters_that_learn(tuning: Tuning, n_layers: int) -> None:
    network = made_network(tuning, n_layers)
    assert network.n_tuned == tuned_parameters(made_layers(n_layers), N_CLASSES, tuning)


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [10, 11, 4])
def test_counts_of_a_network_of_the_papers_size(n_classes: int) -> None:
    weights = tuple(np.zeros((n, m), np.float32) for m, n in pairwise(VGG19_CLASSIFIER))
    frozen = FrozenLayers("zeros", weights, tuple(np.zeros(len(each), np.float32) for each in weights))
    head = head_parameters(1000, n_classes)
    for tuning, gains in (
        (Tuning("nt2", 1), feeding_gains(VGG19_CLASSIFIER)),
        (Tuning("nt2", 1, is_fewer=True), hidden_gains(VGG19_CLASSIFIER)),
        (Tuning("tft", 1), full_parameters(VGG19_CLASSIFIER)),
    ):
        network = TunedNetwork(frozen, n_classes, tuning, torch.Generator())
        assert network.n_tuned == gains + head


@pytest.mark.parametrize("tuning", WAYS, ids=lambda each: each.key)
def test_nothing_is_modulated_at_first(tuning: Tuning) -> None:
    x = torch.from_numpy(made_split(0).x)
    frozen, network = made_layers(2), made_network(tuning, 2)
    hidden = torch.relu(x @ torch.from_numpy(frozen.weights[0]).T + torch.from_numpy(frozen.biases[0]))
    outputs = hidden @ torch.from_numpy(frozen.weights[1]).T + torch.from_numpy(frozen.biases[1])
    assert torch.allclose(network(x), outputs @ network.head_weight.T, atol=1e-5)


@pytest.mark.parametrize("tuning", WAYS, ids=lambda each: each.key)
def test_learning_writes_no_frozen_weight(tuning: Tuning) -> None:
    frozen, split = made_layers(), made_split(0)
    kept = frozen.weights[0].copy()
    network = tuned_network(frozen, torch.from_numpy(split.x), torch.from_numpy(split.y), N_CLASSES, tuning, 0)
    assert (frozen.weights[0] == kept).all()
    assert (network.weights[0].detach().numpy() != kept).any() == (tuning.method == "tft")
    first = 0.0 if tuning.method == "additive" else 1.0
    assert all((each != first).any() for each in network.moves.values())


def test_nt1_passes_gradients_where_nt2_has_none() -> None:
    x = torch.from_numpy(made_split(0).x)
    gradients = {}
    for method in ("nt1", "nt2"):
        network = made_network(Tuning(method, 0.01))
        network(x[:1])[0, 0].backward()
        gradients[method] = network.moves["1"].grad.numpy()
    silent = made_layers().weights[0] @ x[0].numpy() + made_layers().biases[0] < 0
    assert 0 < silent.sum() < len(silent)
    assert (gradients["nt2"][silent] == 0).all()
    assert (gradients["nt1"][silent] != 0).all()
    assert np.allclose(gradients["nt1"][~silent], gradients["nt2"][~silent])


def test_multiplicative_gradients_are_those_of_finite_differences() -> None:
    split = made_split(0)
    x, y = torch.from_numpy(split.x[:7]).double(), torch.from_numpy(split.y[:7])
    network = made_network(Tuning("nt2", 0.01), 2).double()
    loss = torch.nn.functional.cross_entropy(network(x), y)
    loss.backward()
    for group in ("0", "1"):
        move = network.moves[group]
        with torch.no_grad():
            for place in (0, 5):
                move[place] += 1e-6
                above = torch.nn.functional.cross_entropy(network(x), y)
                move[place] -= 2e-6
                below = torch.nn.functional.cross_entropy(network(x), y)
                move[place] += 1e-6
                assert ((above - below) / 2e-6).item() == pytest.approx(move.grad[place].item(), abs=1e-6)


def test_runs_repeat_and_learn() -> None:
    task = made_task()
    for tuning in WAYS:
        once, again = (feed_forward_accuracy(made_layers(), task, tuning, 3) for _ in range(2))
        assert once == again > 0.6
