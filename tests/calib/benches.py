"""Benches that are no chip: neurons that follow the fitted law exactly, with a noise that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nt_calib.law import Law
from nt_calib.reads import relative_drive
from nt_hil.chip import Shot
from nt_model.image import Image
from tests.model.strategies import make_image


def bench_image(seed: int = 1, sizes: tuple[int, ...] = (40, 30, 20), inverted: bool = False) -> Image:
    """An image whose thresholds, biases and weights are of useful size; `inverted`: all thresholds negative."""
    rng = np.random.default_rng(seed)
    image = make_image(seed, sizes, classes=2)
    layers = []
    for layer in image.layers:
        threshold = rng.integers(30, 90, layer.n_neurons) * 256
        object.__setattr__(layer, "threshold_q8", (-threshold if inverted else threshold).astype(np.int32))
        object.__setattr__(layer, "bias", rng.integers(-9, 10, layer.n_neurons).astype(np.int16))
        object.__setattr__(layer, "leak", 0)
        layers.append(layer)
    return image


@dataclass(eq=False)
class LawBench:
    """Answers shots by the law: a neuron fires where drive * G(code) * (1 + noise) reaches its threshold.

    Attributes:
        parameters: one (N, 4) per layer, see `nt_calib.law`.
        noise: standard deviation of a read, relative to the threshold.
    """

    image: Image
    parameters: tuple[NDArray[np.float64], ...]
    noise: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(9))

    @classmethod
    def identity(cls, image: Image, noise: float = 0.0) -> LawBench:
        """The nominal chip."""
        return cls(image, tuple(np.zeros((layer.n_neurons, 4)) for layer in image.layers), noise)

    @classmethod
    def drawn(cls, image: Image, spread: float, noise: float, seed: int) -> LawBench:
        rng = np.random.default_rng(seed)
        sd = np.array([spread * 1.5, spread, 0.19 * spread, 0.5])
        parameters = tuple(rng.normal(size=(layer.n_neurons, 4)) * sd for layer in image.layers)
        return cls(image, parameters, noise)

    def shoot(self, shots: Sequence[Shot]) -> tuple[NDArray[np.uint8], ...]:
        return tuple(self._one(shot) for shot in shots)

    def _one(self, shot: Shot) -> NDArray[np.uint8]:
        stimulus = shot.stimulus
        layer = self.image.layers[stimulus.layer]
        assert shot.codes is not None
        codes = shot.codes[layer.domain[:, 0]].astype(np.float64)
        log_gain = Law(self.parameters[stimulus.layer], self.image.gain).log_gain(codes[:, None])[:, 0]
        drive = relative_drive(layer, stimulus) * np.exp(log_gain)
        noise = self.noise * self.rng.normal(size=(stimulus.n_repeats, layer.n_neurons))
        fires = drive + noise >= 1.0
        if (layer.threshold_q8 < 0).all():
            fires = drive + noise <= 1.0
        return fires.sum(axis=0).astype(np.uint8)
