"""A trained image with switch neurons in place of all layers above its first: few layers, many codes.

Every class gets `per_class` switches (`nt_host.rules.switches`), half voting and half vetoing, each on a first-layer
neuron drawn at random without repetition. What the ROM fixes of a switch is where it turns: above code 128 or below it.
That is a classifier with weights of -1, 0 and 1 for the untouched chip, and it is trained on the source with rule
`ballot`'s own step for states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer, compile_network
from nt_host.pretrain.spec import PretrainError
from nt_host.rules.ballot import BallotSettings, Election
from nt_host.rules.switches import SwitchBoard
from nt_model.image import WEIGHT_MAX, Image, Layer

ByteArray = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

ONE_Q8 = 256
TURN = 0.35
"""Logarithm of the gain at which a switch turns, above or below code 128: a little more than three deviations of gain
and threshold at the corner `typical`, and as far from the highest code's gain of 2."""


@dataclass(frozen=True)
class SwitchSpec:
    """Settings of the switches and of the training of their states.

    Attributes:
        per_class: switches of a class, even.
        steps: updates of the states on the source; 0 leaves every switch off.
        batch_size: samples per update, every class equally likely.
        rate: first step of a state.
        gain_sigma: spread of the log-gain noise of the first layer, drawn anew every step.
        seed: of the connections, the batches and the noise.
    """

    per_class: int = 1024
    steps: int = 400
    batch_size: int = 200
    rate: float = 0.02
    gain_sigma: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.per_class < 2 or self.per_class % 2 or self.steps < 0 or self.batch_size < 1 or not self.rate > 0:
            raise PretrainError("switches need: per_class even and >= 2, steps >= 0, batch_size >= 1, rate > 0")


def switched_image(image: Image, events: ByteArray, labels: NDArray[np.int64], spec: SwitchSpec) -> Image:
    """The first layer of `image` under switches whose untouched states are trained on the source.

    Args:
        image: a trained image of one time step.
        events: (S, M) uint8, encoded source samples.
        labels: (S,) int64.
        spec: number of switches and training.

    Raises:
        PretrainError: the first layer has fewer neurons than half of `per_class`.
    """
    first = image.layers[0]
    if first.n_neurons < spec.per_class // 2:
        raise PretrainError(
            f"{spec.per_class} switches per class need {spec.per_class // 2} first-layer neurons; "
            f"there are {first.n_neurons}"
        )
    rng = np.random.default_rng([spec.seed, spec.per_class])
    classes = np.repeat(np.arange(image.n_classes, dtype=np.uint16), spec.per_class)
    blank = _assembled(image, classes, _connections(rng, first.n_neurons, image.n_classes, spec), None)
    active = _fitted_states(blank, events, labels, spec, rng)
    return _assembled(image, classes, blank.layers[-1].weight, active)


def _connections(rng: np.random.Generator, inputs: int, n_classes: int, spec: SwitchSpec) -> NDArray[np.int8]:
    """Weights (n_classes * per_class, inputs): of each class the first half voting, the second half vetoing."""
    weight = np.zeros((n_classes, 2, spec.per_class // 2, inputs), np.int8)
    for one_class in weight:
        for side, sign in zip(one_class, (1, -1), strict=True):
            chosen = rng.permutation(inputs)[: len(side)]
            side[np.arange(len(side)), chosen] = sign * WEIGHT_MAX
    return weight.reshape(-1, inputs)


def _assembled(
    image: Image, classes: NDArray[np.uint16], weight: NDArray[np.int8], active: NDArray[np.bool_] | None
) -> Image:
    turn = np.full(len(classes), math.exp(TURN))
    if active is not None:
        turn[active] = math.exp(-TURN)
    threshold = np.rint(weight.sum(axis=1, dtype=np.int64) * turn * ONE_Q8).astype(np.int64)
    first = image.layers[0]
    layers = [
        NetworkLayer(first.weight, first.bias, first.threshold_q8),
        NetworkLayer(weight, np.zeros(len(classes), np.int16), threshold),
    ]
    return compile_network(layers, classes, image.encoder, metadata=image.metadata)


def _fitted_states(
    image: Image, events: ByteArray, labels: NDArray[np.int64], spec: SwitchSpec, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """States (N_out,) of all switches after training on the source at nominal thresholds and noisy gains."""
    board = SwitchBoard.of(image)
    election = Election(image.readout_class, image.n_classes, BallotSettings())
    chance = 1.0 / np.bincount(labels, minlength=image.n_classes).clip(1)[labels]
    chance /= chance.sum()
    offset = spec.per_class // 2
    latent, mean, square = (np.zeros(len(board.code)) for _ in range(3))
    latent -= 0.15
    for step in range(1, spec.steps + 1):
        rows = rng.choice(len(labels), spec.batch_size, p=chance)
        spikes = _first_spikes(image.layers[0], events[rows], rng.normal(0, spec.gain_sigma, image.layers[0].n_neurons))
        votes = spikes @ board.readout(latent >= 0).T + np.float32(offset)
        gradient = board.gradient(election.error(votes, labels[rows]), spikes)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        share = max(0.05, 0.5 * (1 + math.cos(math.pi * step / spec.steps)))
        step_size = spec.rate * share * mean / (1 - 0.9**step)
        latent = np.clip(latent - step_size / (np.sqrt(square / (1 - 0.99**step)) + 1e-8), -1, 1)
    return np.asarray(latent >= 0, np.bool_)


def _first_spikes(layer: Layer, events: ByteArray, log_gain: NDArray[np.float64]) -> FloatArray:
    """Spikes (B, N) of a layer, 0.0 or 1.0, at gains exp(`log_gain`) (N,)."""
    current = events.astype(np.float32) @ layer.weight.astype(np.float32).T + layer.bias
    return np.asarray(current * np.exp(log_gain) * ONE_Q8 >= layer.threshold_q8, np.float32)
