"""A trained image with switch neurons in place of all layers above its first: few layers, many codes.

The first layer may be widened by random neurons (`nt_host.pretrain.whitened`) or give way to thermometers
(`nt_host.pretrain.thermometer`).

Every class gets `per_class` switches (`nt_host.rules.switches`), half voting and half vetoing, each on a first-layer
neuron drawn at random without repetition. All turn at one gain above that of code 128, so the untouched chip says
nothing: what it knows is in its codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer, compile_network
from nt_host.pretrain.spec import PretrainError
from nt_host.pretrain.thermometer import thermometer_layer
from nt_host.pretrain.whitened import with_whitened
from nt_host.tasks.dataset import Dataset
from nt_model.image import Image
from nt_model.weights import WEIGHT_MAX

ONE_Q8 = 256
LOG_TURN = 0.35
"""Logarithm of the gain at which a switch turns: three deviations of gain and threshold at the corner `typical` above
code 128, and as far below the gain of 2 of the highest code."""


@dataclass(frozen=True)
class SwitchSpec:
    """How many switches, and the seed of what they read.

    Attributes:
        per_class: switches of a class, even.
        seed: of the connections, and of the random neurons.
        random: neurons beside those of the trained first layer.
        levels: neurons on each principal axis of the source, in place of the trained first layer; 0 keeps that.
    """

    per_class: int = 1024
    seed: int = 0
    random: int = 0
    levels: int = 0

    def __post_init__(self) -> None:
        if self.per_class < 2 or self.per_class % 2:
            raise PretrainError(f"per_class is {self.per_class!r}; a class needs an even number of switches, 2 or more")
        if self.random < 0:
            raise PretrainError(f"random is {self.random!r}; it must not be negative")
        if self.levels < 0 or (self.levels and self.random):
            raise PretrainError(f"levels is {self.levels!r}; it must not be negative, nor stand beside random neurons")


def switched_image(image: Image, spec: SwitchSpec, source: Dataset | None = None) -> Image:
    """The first layer of `image`, of one time step, under switches; `source` is needed for random neurons and for
    thermometers alone.

    Raises:
        PretrainError: the first layer has fewer neurons than half of `per_class`, the image has several time steps, or
            as `with_whitened` and `thermometer_layer`.
    """
    first = _first_layer(image, spec, source)
    neurons = len(first.weight)
    if neurons < spec.per_class // 2 or image.n_steps != 1:
        raise PretrainError(
            f"{spec.per_class} switches per class need one time step and {spec.per_class // 2} first-layer neurons; "
            f"here are {image.n_steps} steps and {neurons} neurons"
        )
    weight = _connections(neurons, image.n_classes, spec)
    threshold = np.rint(weight.sum(axis=1, dtype=np.int64) * math.exp(LOG_TURN) * ONE_Q8).astype(np.int64)
    layers = [first, NetworkLayer(weight, np.zeros(len(weight), np.int16), threshold)]
    classes = np.repeat(np.arange(image.n_classes, dtype=np.uint16), spec.per_class)
    metadata = {**image.metadata, "accuracy": f"untouched none: {spec.per_class} switches per class, all off"}
    return compile_network(layers, classes, image.encoder, metadata=metadata)


def _first_layer(image: Image, spec: SwitchSpec, source: Dataset | None) -> NetworkLayer:
    trained = image.layers[0]
    if not spec.random and not spec.levels:
        return NetworkLayer(trained.weight, trained.bias, trained.threshold_q8)
    if source is None:
        raise PretrainError("random neurons and thermometers need samples of the source; there are none")
    if spec.levels:
        return thermometer_layer(image.encoder, source, spec.levels)
    return with_whitened(trained, image.encoder, source, spec.random, spec.seed)


def _connections(inputs: int, n_classes: int, spec: SwitchSpec) -> NDArray[np.int8]:
    """Weights (n_classes * per_class, inputs): of each class the first half voting, the second half vetoing."""
    rng = np.random.default_rng([spec.seed, spec.per_class])
    weight = np.zeros((n_classes, 2, spec.per_class // 2, inputs), np.int8)
    for one_class in weight:
        for side, sign in zip(one_class, (1, -1), strict=True):
            chosen = rng.permutation(inputs)[: len(side)]
            side[np.arange(len(side)), chosen] = sign * WEIGHT_MAX
    return weight.reshape(-1, inputs)
