"""What the rules have in common that descend a gradient of the nominal logarithms of the gains."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from nt_hil.chip import Dither
from nt_host.rules.base import ByteArray, Observation
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.exact import Int64Array
from nt_host.rules.integer_estimate import integer_layers, log_gain_table_q24, nearest_codes
from nt_host.rules.normalised_descent import NormalisedDescent, log_rate_q24
from nt_model.image import Image


class LogGainRule(NormalisedDescent, ABC):
    """State: that of the normalised descent, whose positions are log gains; the codes are the nearest ones."""

    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: DescentSettings) -> None:
        self._image = image
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

    @abstractmethod
    def _gradient(self, observation: Observation) -> Int64Array:
        """dL/dlog g per code, (n_codes,) Q21, mean over the batch."""
