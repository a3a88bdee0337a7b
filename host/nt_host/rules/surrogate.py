"""Rule `surrogate`: gradient descent on the logarithm of the gains, with estimated membranes and the chip's spikes.

The forward pass is the chip's own, so its mismatch is in every hidden spike; only the derivative is estimated:

    r      = drive over threshold, estimated from the spikes below at nominal gains
    e_out  = slope * (sigmoid(slope * (r - 1)) - target) * (sqrt(C - 1) where target = 1, else 1)
    e_low  = back(e) * max(0, 1 - |r - 1| / window) / window
    dL/dlog g = sum over the batch of e * r   (for the part of r that the code feeds)

followed by Adam (Kingma and Ba 2015, arXiv:1412.6980) with a cosine rate on the log gains, which stay in float between
updates, so that small steps are not lost to the rounding; the codes are the nearest ones. In float, as published; the
rules `ballot` and `scores` do the like in whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import ByteArray, Observation, RuleEntry, RuleState, register, require_positive, taken
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.estimate import (
    FloatArray,
    drives,
    float_layers,
    gain_parts,
    layer_inputs,
    nearest_codes,
    nominal_log_gain,
    per_code,
    window_gate,
)
from nt_model.image import Image

TINY = 1e-8


@dataclass(frozen=True)
class SurrogateSettings(DescentSettings):
    """Settings of rule `surrogate`: those of the family, and ``slope``, steepness of the logistic output loss, per
    threshold."""

    slope: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(slope=self.slope)


def output_slope_error(ratio: FloatArray, target: NDArray[np.bool_], n_classes: int, slope: float) -> FloatArray:
    """Derivative of the logistic output loss by r, (B, N), for estimated drives ``ratio`` and ``target`` (B, N)."""
    exponent = np.clip(slope * (1.0 - ratio), -30.0, 30.0)
    weight = np.where(target, np.float32(math.sqrt(max(1, n_classes - 1))), np.float32(1))
    error: FloatArray = (slope * weight * (1.0 / (1.0 + np.exp(exponent)) - target)).astype(np.float32)
    return error


class SurrogateRule:
    """State: log gains and Adam's two running means, per code, and the update count."""

    name = "surrogate"
    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: SurrogateSettings) -> None:
        self._image = image
        self._settings = settings
        self._layers = float_layers(image)
        self._table = nominal_log_gain(image)
        self._log_gain = self._table[codes]
        self._mean = np.zeros(image.n_codes, np.float64)
        self._square = np.zeros(image.n_codes, np.float64)
        self._count = np.zeros(1, np.int64)

    def _gradient(self, observation: Observation) -> NDArray[np.float64]:
        """dL/dlog g per code, (n_codes,), mean over the batch."""
        # The codes are rounded; the gradient belongs to the gains that the chip really ran at.
        gain = np.exp(self._table[observation.codes]).astype(np.float32)
        estimated = drives(self._layers, layer_inputs(self._image, observation), gain)
        target = self._image.readout_class[None, :] == observation.labels[:, None]
        ratio = estimated[-1].total
        error = output_slope_error(ratio, target, self._image.n_classes, self._settings.slope)
        error /= np.float32(max(1, len(observation.labels)))
        parts: list[tuple[NDArray[np.floating], NDArray[np.floating] | None]] = []
        for index in range(len(self._layers) - 1, -1, -1):
            parts.insert(0, gain_parts(error, estimated[index]))
            if index > 0:
                gate = window_gate(estimated[index - 1].total, self._settings.window)
                error = self._layers[index].back(error, gain) * gate
        return per_code(self._image.n_codes, self._layers, parts)

    def update(self, observation: Observation) -> ByteArray:
        """One Adam step on the batch; see ``Rule.update``."""
        gradient = self._gradient(observation)
        settings = self._settings
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
        settings = self._settings
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


register(
    RuleEntry(
        name="surrogate",
        summary="Adam on log gains; derivative from estimated membranes, forward pass from the chip (host loop)",
        settings_type=SurrogateSettings,
        build=SurrogateRule,
    )
)
