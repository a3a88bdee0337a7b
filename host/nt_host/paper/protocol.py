"""The feed-forward protocol: cross-entropy, Adam, a fixed number of epochs, the accuracy at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

from nt_host.paper.frozen import FrozenLayers, PaperTask
from nt_host.paper.networks import TunedNetwork
from nt_host.paper.recipe import Tuning

JUDGED_AT_ONCE = 500


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of PyTorch inside: the same sums in the same order everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _answers(network: TunedNetwork, x: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(x[at : at + JUDGED_AT_ONCE]).argmax(1) for at in range(0, len(x), JUDGED_AT_ONCE)])


def tuned_network(frozen: FrozenLayers, x: Tensor, y: Tensor, n_classes: int, tuning: Tuning, run: int) -> TunedNetwork:
    """A network tuned on features `x` (S, M) float32 and classes `y` (S,) int64; `run` seeds head and order."""
    generator = torch.Generator().manual_seed(run)
    network = TunedNetwork(frozen, n_classes, tuning, generator)
    optimiser = torch.optim.Adam([each for each in network.parameters() if each.requires_grad], lr=tuning.rate)
    answer: Callable[[Tensor], Tensor] = network.forward
    if network.is_first_drive_fixed:
        with torch.no_grad():
            x = network.first_drive(x)
        answer = network.from_first_drive
    for _ in range(tuning.epochs):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(order), tuning.batch_size):
            batch = order[start : start + tuning.batch_size]
            loss = functional.cross_entropy(answer(x[batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network


def feed_forward_accuracy(frozen: FrozenLayers, task: PaperTask, tuning: Tuning, run: int) -> float:
    """Accuracy (0..1) on the test samples of `run` after tuning on its training samples."""
    split = task.split(run)
    with one_thread():
        x, y = torch.from_numpy(split.x), torch.from_numpy(split.y)
        network = tuned_network(frozen, x, y, task.n_classes, tuning, run)
        return task.accuracy(_answers(network, torch.from_numpy(split.x_test)).numpy(), split.y_test)
