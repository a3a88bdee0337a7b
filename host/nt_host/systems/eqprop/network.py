"""A layered Hopfield network with symmetric weights, its energy, and its relaxation with graded activities.

Scellier and Bengio, "Equilibrium propagation", 2017 (arXiv:1602.05179). Layer 0 is the clamped input x = s_0; with
activities s_k of layers 1 to L, in 0..1, the energy is

    E(s) = sum_k  1/2 |s_k|^2 - b_k s_k - s_(k-1) W_k s_k,        C(s) = 1/2 |y - s_L|^2,

and a state of rest of E + beta C obeys, with rho(u) = min(max(u, 0), 1),

    s_k = rho(u_k),   u_k = s_(k-1) W_k + b_k + s_(k+1) W_(k+1)^T,   for k = L:  + beta (y - s_L) in place of the last.

W_k is used in both directions: that is the symmetry which equilibrium propagation needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Network:
    """`weights`: W_k (n_(k-1), n_k) float32 of layers 1 to L; `biases`: b_k (n_k,) float32; `steps`: of what every
    layer's weights are whole multiples where they are rounded, empty where they are not."""

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    steps: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Nudge:
    """Pull on the output: `strength` beta (negative pushes away), `target` y (B, n_L) float32 in 0..1."""

    strength: float
    target: FloatArray


def initial_network(sizes: Sequence[int], rng: np.random.Generator) -> Network:
    """Weights uniform within sqrt(6 / (fan-in + fan-out)) (Glorot and Bengio 2010), biases 0; `sizes` input first."""
    shapes = list(pairwise(sizes))
    weights = tuple((np.sqrt(6 / sum(shape)) * rng.uniform(-1, 1, shape)).astype(np.float32) for shape in shapes)
    return Network(weights, tuple(np.zeros(n, np.float32) for n in sizes[1:]))


def activity(drive: FloatArray) -> FloatArray:
    """rho(u): 0 below 0, 1 above 1, u between."""
    return np.minimum(np.maximum(drive, 0), 1)


def input_drive(network: Network, x: FloatArray) -> FloatArray:
    """s_0 W_1 + b_1, (B, n_1): the part of the first layer's drive that stays while x (B, n_0) is clamped."""
    return x @ network.weights[0] + network.biases[0]


def drives(
    network: Network, from_input: FloatArray, sent: Sequence[FloatArray], nudge: Nudge | None
) -> list[FloatArray]:
    """u_k of layers 1 to L, (B, n_k) each, from what the layers send (`sent`: activities, or spikes)."""
    found = []
    last = len(sent) - 1
    for k, own in enumerate(sent):
        drive = from_input if k == 0 else sent[k - 1] @ network.weights[k] + network.biases[k]
        if k < last:
            drive = drive + sent[k + 1] @ network.weights[k + 1].T
        elif nudge is not None:
            drive = drive + np.float32(nudge.strength) * (nudge.target - own)
        found.append(drive)
    return found


def energy(network: Network, x: FloatArray, states: Sequence[FloatArray]) -> NDArray[np.float64]:
    """E of every sample, (B,) float64, at `states` s_1 to s_L."""
    below: list[FloatArray] = [x, *states[:-1]]
    total = np.zeros(len(x))
    for weight, bias, low, state in zip(network.weights, network.biases, below, states, strict=True):
        total += (0.5 * state**2 - bias * state - (low @ weight) * state).sum(axis=1, dtype=np.float64)
    return total


def settle_rates(
    network: Network,
    x: FloatArray,
    n_steps: int,
    start: Sequence[FloatArray] | None = None,
    nudge: Nudge | None = None,
    step: float = 0.5,
) -> list[FloatArray]:
    """Relax graded activities for `n_steps` steps s <- s + step (rho(u) - s), without spikes; from 0 by default."""
    from_input = input_drive(network, x)
    states = [np.zeros((len(x), len(bias)), np.float32) for bias in network.biases] if start is None else list(start)
    for _ in range(n_steps):
        wanted = [activity(drive) for drive in drives(network, from_input, states, nudge)]
        states = [state + np.float32(step) * (to - state) for state, to in zip(states, wanted, strict=True)]
    return states
