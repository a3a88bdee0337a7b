"""Training by equilibrium propagation with spikes in both phases and a local update.

From the end of the free phase two nudged phases start, towards the target (+beta) and away from it (-beta):
symmetric nudging, Laborieux et al. 2021 (arXiv:2006.03824). Each weight moves by the activities of the two neurons
that it joins and nothing else:

    W_k += rate / (2 beta B) * (a_(k-1)^T a_k at +beta  -  a_(k-1)^T a_k at -beta),       a_0 = x, a_k = rho(v_k),

and a bias alike with a_(k-1) = 1. Spikes settle the network; the update reads each neuron's own trace, which is not a
spike. With `levels` the phases run with weights rounded to that many steps each side of 0, and the update moves the
floats behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nt_host.systems.eqprop.network import FloatArray, Network, Nudge, activity, initial_network, input_drive
from nt_host.systems.eqprop.spikes import Relaxation, free_phase, nudged_phase

Int64Array = NDArray[np.int64]
EVALUATED_AT_ONCE = 250


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained.

    Attributes:
        hidden: neurons of the hidden layers.
        epochs: passes through the training images.
        batch_size: samples per update.
        rates: learning rate of each layer at the start; falls by a cosine to 0.
        beta: nudging strength.
        relaxation: steps of the phases.
        levels: steps of a rounded weight each side of 0 (7: the array's 4 bits); 0 leaves floats.
    """

    hidden: tuple[int, ...] = (500,)
    epochs: int = 12
    batch_size: int = 40
    rates: tuple[float, ...] = (0.8, 0.2)
    beta: float = 0.5
    relaxation: Relaxation = field(default_factory=Relaxation)
    levels: int = 7


def rounded(network: Network, levels: int) -> Network:
    """The network with every weight at the nearest of -levels..levels steps; itself where `levels` is 0.

    Three standard deviations of a layer's weights are `levels` steps; larger weights are clipped.
    """
    if levels == 0:
        return network
    steps = tuple(float(3 * weight.std() / levels) for weight in network.weights)
    weights = tuple(
        np.clip(np.rint(weight / np.float32(step)), -levels, levels) * np.float32(step)
        for weight, step in zip(network.weights, steps, strict=True)
    )
    return Network(weights, network.biases, steps)


def _contrast(x: FloatArray, pulled: Sequence[FloatArray], pushed: Sequence[FloatArray], k: int) -> FloatArray:
    if k == 0:
        # The input is the same in both phases: one product does for two.
        return x.T @ (pulled[0] - pushed[0])
    return pulled[k - 1].T @ pulled[k] - pushed[k - 1].T @ pushed[k]


def train_step(network: Network, x: FloatArray, target: FloatArray, rates: Sequence[float], how: TrainSettings) -> None:
    """One update of `network`, in place, on `x` (B, n_0) with `target` (B, n_L)."""
    used = rounded(network, how.levels)
    free, _ = free_phase(used, x, how.relaxation)
    from_input = input_drive(used, x)
    pulled, pushed = (
        nudged_phase(used, from_input, free, how.relaxation, Nudge(beta, target)).activities
        for beta in (how.beta, -how.beta)
    )
    scale = 1 / (2 * how.beta * len(x))
    for k, (weight, bias, rate) in enumerate(zip(network.weights, network.biases, rates, strict=True)):
        moved = _contrast(x, pulled, pushed, k)
        weight += np.float32(rate * scale) * moved
        bias += np.float32(rate * scale) * (pulled[k] - pushed[k]).sum(axis=0)


def predicted(network: Network, x: FloatArray, how: Relaxation, *, spiking_input: bool = False) -> Int64Array:
    """Class of each sample, (B,): most output spikes in the free phase; ties go to the larger trace."""
    found = []
    for start in range(0, len(x), EVALUATED_AT_ONCE):
        state, counts = free_phase(network, x[start : start + EVALUATED_AT_ONCE], how, spiking_input=spiking_input)
        # A trace squeezed into 0..1/2 breaks ties of whole counts and nothing else.
        found.append((counts[-1] + 0.5 * activity(state.traces[-1])).argmax(axis=1))
    return np.concatenate(found).astype(np.int64)


def train(
    x: FloatArray,
    labels: Int64Array,
    how: TrainSettings,
    seed: int,
    on_epoch: Callable[[int, Network], None] = lambda epoch, network: None,
    start: Network | None = None,
) -> Network:
    """Train on `x` (S, n_0) in 0..1 with `labels` (S,) 0..C-1; `on_epoch` sees the network as it runs after each epoch.

    Gives the network as it runs, rounded where `levels` asks for it. `start` is taken instead of a fresh network.
    """
    rng = np.random.default_rng(seed)
    targets = np.eye(int(labels.max()) + 1, dtype=np.float32)
    if start is None:
        network = initial_network((x.shape[1], *how.hidden, len(targets)), rng)
    else:
        network = Network(tuple(w.copy() for w in start.weights), tuple(b.copy() for b in start.biases))
    n_batches = len(x) // how.batch_size
    for epoch in range(how.epochs):
        order = rng.permutation(len(x))
        for batch in range(n_batches):
            progress = (epoch * n_batches + batch) / (how.epochs * n_batches)
            share = 0.5 * (1 + np.cos(np.pi * progress))
            rows = order[batch * how.batch_size : (batch + 1) * how.batch_size]
            train_step(network, x[rows], targets[labels[rows]], [rate * share for rate in how.rates], how)
        on_epoch(epoch, rounded(network, how.levels))
    return rounded(network, how.levels)
