"""Rule `scores`: squared error of the class scores, for networks whose neurons count to more than one; whole numbers.

Over T steps a neuron under a constant drive of r thresholds per step spikes about r T times, so a class score is about
a sum of gain times drive: linear in the gains of its population, which are then its weights. Such a readout is fitted
by least squares, as a linear discriminant is (the two agree up to scale: Duda, Hart and Stork 2001, section 5.8.2):

    s_c    = spikes of class c per output neuron, as the chip showed them, Q12; s = their mean over classes and batch
    e_c    = (s_c - mean over classes of s_c) / s - lead * ([c is the label] - 1 / C), Q15, within +-2^30
    r      = drive over threshold, estimated at nominal gains, Q12 (`integer_estimate`); the slope of the count is 1
             where 0 < r < SATURATED, and above, where the neuron cannot count more but less, for e_c > 0
    e_low  = back(e * slope) * slope of the neuron below: as above for T > 1, the window of ``surrogate`` for T = 1

and the mean of e_c * slope * r moves the log gains (`log_gain_rule`). Only differences between classes count: what all
classes' scores have in common is no error. A Gaussian prior on the log gains round the start was tried and left out.
Every division is of whole numbers, rounded to the nearest; the same spikes give the same codes anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_positive
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.exact import ONE_Q15, ExactProduct, Int64Array, divided, saturated
from nt_host.rules.integer_estimate import ERROR_BITS, ONE_Q12, window_slope
from nt_host.rules.log_gain_rule import LogGainRule
from nt_model.image import Image

SATURATED_Q12 = 5448
"""Drive (1.33) beyond which a neuron counts as spiking at every step whatever its gain; above 1, since mismatch may
make the estimate too high."""
SCORE_FRACTION = 12


@dataclass(frozen=True)
class ScoresSettings(DescentSettings):
    """Settings of rule `scores`: those of the family with a faster rate, and ``lead``: by how much the label's score
    shall exceed the others', as a share of the mean score."""

    rate: float = 0.05
    lead: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(lead=self.lead)


def score_error_q15(scores_q12: Int64Array, labels: NDArray[np.integer], lead_q15: int) -> Int64Array:
    """e, (B, C) Q15, of class scores (B, C) Q12, below 2^20, and labels (B,); without the scores' part where nothing
    spikes."""
    batch, n_classes = scores_q12.shape
    total = scores_q12.sum(axis=1, keepdims=True)
    ahead = n_classes * scores_q12 - total
    everything = int(total.sum())
    error = divided(ahead * (batch << 15), everything) if everything else np.zeros_like(ahead)
    wanted = n_classes * (labels[:, None] == np.arange(n_classes)) - 1
    return saturated(error - divided(wanted * lead_q15, n_classes), ERROR_BITS)


def count_slope_q12(ratio_q12: Int64Array) -> Int64Array:
    """Slope of a neuron's spikes per step by its drive, (B, N): 1 between silence and a spike at every step."""
    return np.where((ratio_q12 > 0) & (ratio_q12 < SATURATED_Q12), ONE_Q12, 0)


class ScoresRule(LogGainRule):
    """State: see ``LogGainRule``."""

    name = "scores"

    def __init__(self, image: Image, codes: ByteArray, settings: ScoresSettings) -> None:
        slope = count_slope_q12 if image.n_steps > 1 else window_slope(settings.window)
        super().__init__(image, codes, settings, slope)
        one_hot = (image.readout_class[:, None] == np.arange(image.n_classes)).astype(np.int64)
        self._spikes_of = ExactProduct(one_hot, 255)
        # A class may lack neurons; it then has no score to be wrong.
        self._size = np.maximum(one_hot.sum(axis=0), 1)
        self._lead_q15 = max(1, round(settings.lead * ONE_Q15))

    def _output_error(self, observation: Observation, ratio_q12: Int64Array) -> Int64Array:
        scores = (self._spikes_of(observation.plain[-1]) << SCORE_FRACTION) // self._size
        error = score_error_q15(scores, observation.labels, self._lead_q15)[:, self._image.readout_class]
        return error * ((ratio_q12 > 0) & ((ratio_q12 < SATURATED_Q12) | (error > 0)))


register(
    RuleEntry(
        name="scores",
        summary="squared error of class scores, for networks of several time steps; integers only (host loop)",
        settings_type=ScoresSettings,
        build=ScoresRule,
    )
)
