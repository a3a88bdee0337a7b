"""What the rules have in common that descend a gradient of the nominal logarithms of the gains.

    G = mean over the batch of e r, for the part of r that a code feeds, Q21 within +-2^26; e of the hidden layers is
        carried down from the rule's own error of the outputs (`integer_estimate`)

followed by the normalised descent of the log gains (`normalised_descent`); the codes are the nearest ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from nt_hil.chip import Dither
from nt_host.rules.base import ByteArray, Observation
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.exact import Int64Array
from nt_host.rules.integer_estimate import (
    Slope,
    carried_down,
    drives_of,
    gains_q12,
    integer_layers,
    layer_events,
    log_gain_table_q24,
    mean_gradient,
    nearest_codes,
    sum_of,
)
from nt_host.rules.normalised_descent import NormalisedDescent, log_rate_q24
from nt_model.image import Image


class LogGainRule(NormalisedDescent, ABC):
    """State: that of the normalised descent, whose positions are log gains."""

    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: DescentSettings, slope: Slope) -> None:
        """Begin at ``codes``; errors pass hidden neurons times ``slope`` of their r."""
        self._image = image
        self._slope = slope
        self._layers = integer_layers(image)
        self._table = log_gain_table_q24(image)
        self._limits = settings.code_min, settings.code_max
        super().__init__(self._table[codes], log_rate_q24(settings.rate), settings)

    def update(self, observation: Observation) -> ByteArray:
        """One step on the batch; see ``Rule.update``."""
        low, high = self._limits
        position = self.move(self._gradient(observation), self._table[low], self._table[high])
        # Where codes share a gain, the nearest one may lie beyond the limit.
        return np.clip(nearest_codes(position, self._table), low, high)

    def _gradient(self, observation: Observation) -> Int64Array:
        """G, (n_codes,) Q21."""
        # The codes are rounded; the gradient belongs to the gains that the chip really ran at.
        gain = gains_q12(self._image, observation.codes)
        drives = drives_of(self._layers, layer_events(observation), gain)
        error = self._output_error(observation, sum_of(drives[-1]))
        total = carried_down(self._layers, drives, error, gain, self._slope)
        return mean_gradient(total, len(observation.labels))

    @abstractmethod
    def _output_error(self, observation: Observation, ratio_q12: Int64Array) -> Int64Array:
        """Derivative of the loss by r of the outputs, (B, N) Q15, at their r ``ratio_q12`` (B, N)."""
