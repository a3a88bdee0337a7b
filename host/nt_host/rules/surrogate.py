"""Rule `surrogate`: gradient descent on the logarithm of the gains, with estimated membranes and the chip's spikes.

The forward pass is the chip's own, so its mismatch is in every hidden spike; only the derivative is estimated. It is
that of a logistic loss per output neuron, through a triangular window in the hidden layers (Neftci, Mostafa and Zenke
2019, arXiv:1901.09948), in whole numbers:

    r      = drive over threshold at nominal gains, from the spikes below, Q12 within +-2^20 (`integer_estimate`)
    x      = slope * log2(e) * (r - 1), Q8 within +-2^20; slope * log2(e) in Q16, at most 2^30
    e_out  = (1 / (1 + 2^-x) - target) * (root(C - 1) where target = 1, else 1), Q15; the root in Q12
    e_low  = back(e) * max(0, 1 - |r - 1| / window) / window, Q15 within +-2^30

and the mean of e r moves the log gains (`log_gain_rule`). That descent is normalised, so that the factor `slope`, which
all errors have in common, is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_positive
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.exact import LOG2_E, ONE_Q15, ONE_Q16, Int64Array, saturated, shifted, sigmoid_q15
from nt_host.rules.integer_estimate import ONE_Q12, window_slope
from nt_host.rules.log_gain_rule import LogGainRule
from nt_model.image import Image

LARGEST_SLOPE_Q16 = 1 << 30
EXPONENT_BITS = 20


@dataclass(frozen=True)
class SurrogateSettings(DescentSettings):
    """Settings of rule `surrogate`: those of the family, and ``slope``, steepness of the logistic output loss, per
    threshold."""

    slope: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(slope=self.slope)


class SurrogateRule(LogGainRule):
    """State: see ``LogGainRule``."""

    name = "surrogate"

    def __init__(self, image: Image, codes: ByteArray, settings: SurrogateSettings) -> None:
        super().__init__(image, codes, settings, window_slope(settings.window))
        self._slope_q16 = min(max(1, round(settings.slope * LOG2_E * ONE_Q16)), LARGEST_SLOPE_Q16)
        self._weight_q12 = math.isqrt(max(1, image.n_classes - 1) << 24)

    def _output_error(self, observation: Observation, ratio_q12: Int64Array) -> Int64Array:
        target = self._image.readout_class[None, :] == observation.labels[:, None]
        exponent_q8 = saturated(shifted((ratio_q12 - ONE_Q12) * self._slope_q16, 20), EXPONENT_BITS)
        error = sigmoid_q15(exponent_q8) - np.where(target, ONE_Q15, 0)
        return np.where(target, shifted(error * self._weight_q12, 12), error)


register(
    RuleEntry(
        name="surrogate",
        summary="logistic loss by log gains; derivative from estimated membranes, spikes from the chip (host loop)",
        settings_type=SurrogateSettings,
        build=SurrogateRule,
    )
)
