"""Rule `scores`: squared error of the class scores, for networks whose neurons count to more than one.

Over T steps a neuron under a constant drive of r thresholds per step spikes about r T times, so a class score is about
a sum of gain times drive: linear in the gains of its population, which are then its weights. Such a readout is fitted
by least squares, as a linear discriminant is (the two agree up to scale: Duda, Hart and Stork 2001, section 5.8.2):

    s_c    = spikes of class c per output neuron, as the chip showed them; s = their mean over classes and batch
    e_c    = (s_c - mean over classes of s_c) / s - lead * ([c is the label] - 1 / C)
    r      = drive over threshold, estimated at nominal gains; the slope of the count is 1 where 0 < r < SATURATED, and
             above, where the neuron cannot count more but less, for e_c > 0
    G      = mean over the batch of e_c * slope * r  (for the part of r that the code feeds)
    e_low  = back(e * slope) * slope of the neuron below: as above for T > 1, the window of ``surrogate`` for T = 1

followed by Adam with a cosine rate (``gain_descent``) along G. Only differences between classes count: what all
classes' scores have in common is no error. A Gaussian prior on the log gains round the start was tried and left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_positive
from nt_host.rules.estimate import FloatArray, drives, layer_inputs, per_code
from nt_host.rules.gain_descent import TINY, DescentSettings, GainDescent, gain_parts, window_gate
from nt_model.image import Image

SATURATED = 1.33
"""Drive beyond which a neuron counts as spiking at every step whatever its gain; above 1, since mismatch may make
the estimate too high."""


@dataclass(frozen=True)
class ScoresSettings(DescentSettings):
    """Settings of rule `scores`: those of the family with a faster rate, and ``lead``: by how much the label's score
    shall exceed the others', as a share of the mean score."""

    rate: float = 0.05
    lead: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(lead=self.lead)


def score_error(scores: FloatArray, labels: NDArray[np.integer], lead: float) -> FloatArray:
    """e, (B, C), of class scores (B, C) and labels (B,); without the scores' part where nothing spikes."""
    n_classes = scores.shape[1]
    ahead = scores - scores.mean(axis=1, keepdims=True)
    wanted = (labels[:, None] == np.arange(n_classes)) - np.float32(1 / n_classes)
    error: FloatArray = (ahead / max(float(scores.mean()), TINY) - np.float32(lead) * wanted).astype(np.float32)
    return error


def count_slope(ratio: FloatArray) -> FloatArray:
    """Slope of a neuron's spikes per step by its drive, (B, N): 1 between silence and a spike at every step."""
    return ((ratio > 0) & (ratio < SATURATED)).astype(np.float32)


class ScoresRule(GainDescent):
    """The family's state; the squared error of the class scores."""

    name = "scores"

    def __init__(self, image: Image, codes: ByteArray, settings: ScoresSettings) -> None:
        super().__init__(image, codes, settings)
        self._settings = settings
        one_hot = image.readout_class[:, None] == np.arange(image.n_classes)
        # A class may lack neurons; it then has no score to be wrong.
        self._share: FloatArray = (one_hot / np.maximum(one_hot.sum(axis=0), 1)).astype(np.float32)
        self._of_class: FloatArray = one_hot.astype(np.float32)

    def _gradient(self, observation: Observation) -> NDArray[np.float64]:
        gain = self._gains(observation.codes)
        estimated = drives(self._layers, layer_inputs(self._image, observation), gain)
        scores = observation.plain[-1].astype(np.float32) @ self._share
        of_class = score_error(scores, observation.labels, self._settings.lead)
        of_class /= np.float32(max(1, len(observation.labels)))
        error: FloatArray = of_class @ self._of_class.T
        error *= np.maximum(count_slope(estimated[-1].total), (error > 0) & (estimated[-1].total > 0))
        parts: list[tuple[NDArray[np.floating], NDArray[np.floating] | None]] = []
        for index in range(len(self._layers) - 1, -1, -1):
            parts.insert(0, gain_parts(error, estimated[index]))
            if index > 0:
                error = self._layers[index].back(error, gain) * self._hidden_slope(estimated[index - 1].total)
        return per_code(self._image.n_codes, self._layers, parts)

    def _hidden_slope(self, ratio: FloatArray) -> FloatArray:
        return count_slope(ratio) if self._image.n_steps > 1 else window_gate(ratio, self._settings.window)


register(
    RuleEntry(
        name="scores",
        summary="Adam on log gains; squared error of class scores, for networks of several time steps (host loop)",
        settings_type=ScoresSettings,
        build=ScoresRule,
    )
)
