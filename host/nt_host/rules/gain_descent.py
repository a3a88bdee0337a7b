"""Gradient descent on the logarithm of the gains, whatever the loss: Adam with a cosine rate.

A rule of this family says only what its gradient is. The log gains stay in float between updates, so that small steps
are not lost to the rounding; the codes that it gives are the nearest ones. Adam: Kingma and Ba 2015, arXiv:1412.6980.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import ByteArray, Observation, RuleState, taken
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.estimate import Drive, FloatArray, float_layers, nearest_codes, nominal_log_gain
from nt_model.image import Image

TINY = 1e-8


class GainDescent(ABC):
    """State: log gains and Adam's two running means, per code, and the update count."""

    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: DescentSettings) -> None:
        self._image = image
        self._descent = settings
        self._layers = float_layers(image)
        self._table = nominal_log_gain(image)
        self._log_gain = self._table[codes]
        self._mean = np.zeros(image.n_codes, np.float64)
        self._square = np.zeros(image.n_codes, np.float64)
        self._count = np.zeros(1, np.int64)

    @abstractmethod
    def _gradient(self, observation: Observation) -> NDArray[np.float64]:
        """dL/dlog g per code, (n_codes,), mean over the batch."""

    def _gains(self, codes: ByteArray) -> FloatArray:
        """Nominal gains (n_codes,) at the rounded codes: those that the chip really ran at."""
        return np.exp(self._table[codes]).astype(np.float32)

    def update(self, observation: Observation) -> ByteArray:
        """One Adam step on the batch; see ``Rule.update``."""
        gradient = self._gradient(observation)
        settings = self._descent
        self._count += 1
        count = int(self._count[0])
        self._mean = settings.momentum * self._mean + (1 - settings.momentum) * gradient
        self._square = settings.memory * self._square + (1 - settings.memory) * gradient**2
        mean = self._mean / (1 - settings.momentum**count)
        square = self._square / (1 - settings.memory**count)
        moved = self._log_gain - self._rate(count) * mean / (np.sqrt(square) + TINY)
        self._log_gain = np.clip(moved, self._table[settings.code_min], self._table[settings.code_max])
        # Where codes share a gain, the nearest one may lie beyond the limit.
        return np.clip(nearest_codes(self._log_gain, self._table), settings.code_min, settings.code_max)

    def _rate(self, count: int) -> float:
        settings = self._descent
        share = 0.5 * (1 + math.cos(math.pi * min(count, settings.steps) / settings.steps))
        return settings.rate * max(settings.end_share, share)

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {
            "log_gain": self._log_gain.copy(),
            "mean": self._mean.copy(),
            "square": self._square.copy(),
            "count": self._count.copy(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        log_gain = taken(state, "log_gain", self._log_gain)
        mean = taken(state, "mean", self._mean)
        square = taken(state, "square", self._square)
        self._count = taken(state, "count", self._count)
        self._log_gain, self._mean, self._square = log_gain, mean, square


def gain_parts(error: FloatArray, drive: Drive) -> tuple[FloatArray, FloatArray | None]:
    """Gradients by the log gain of the excitatory and inhibitory part of each neuron, (N,), summed over the batch."""
    excitatory: FloatArray = (error * drive.excitatory).sum(axis=0)
    if drive.inhibitory is None:
        return excitatory, None
    return excitatory, (error * drive.inhibitory).sum(axis=0)


def window_gate(ratio: FloatArray, window: float) -> FloatArray:
    """Triangular surrogate derivative round r = 1, (B, N), of unit area."""
    gate: FloatArray = np.maximum(0, 1 - np.abs(ratio - 1) / window).astype(np.float32) / np.float32(window)
    return gate
