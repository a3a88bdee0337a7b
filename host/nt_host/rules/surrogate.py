"""Rule `surrogate`: gradient descent on the logarithm of the gains, with estimated membranes and the chip's spikes.

The forward pass is the chip's own, so its mismatch is in every hidden spike; only the derivative is estimated:

    r      = drive over threshold, estimated from the spikes below at nominal gains
    e_out  = slope * (sigmoid(slope * (r - 1)) - target) * (sqrt(C - 1) where target = 1, else 1)
    e_low  = back(e) * max(0, 1 - |r - 1| / window) / window
    dL/dlog g = sum over the batch of e * r   (for the part of r that the code feeds)

followed by Adam with a cosine rate (``gain_descent``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_positive
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.estimate import FloatArray, drives, layer_inputs, per_code
from nt_host.rules.gain_descent import GainDescent, gain_parts, window_gate
from nt_model.image import Image


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


class SurrogateRule(GainDescent):
    """The family's state; the logistic loss of every output neuron."""

    name = "surrogate"

    def __init__(self, image: Image, codes: ByteArray, settings: SurrogateSettings) -> None:
        super().__init__(image, codes, settings)
        self._settings = settings

    def _gradient(self, observation: Observation) -> NDArray[np.float64]:
        gain = self._gains(observation.codes)
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


register(
    RuleEntry(
        name="surrogate",
        summary="Adam on log gains; derivative from estimated membranes, forward pass from the chip (host loop)",
        settings_type=SurrogateSettings,
        build=SurrogateRule,
    )
)
