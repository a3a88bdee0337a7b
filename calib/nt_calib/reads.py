"""What was measured of one layer: which drive at which DAC code gave how many spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.image import Layer
from nt_model.stimulus import Stimulus

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reads:
    """S shots at the N neurons of a layer.

    Attributes:
        drive: (S, N) float64: drive over nominal threshold, both in weight LSB; a nominal neuron at code 128 crosses
            at 1. Not positive, or nan: this shot tells nothing of that neuron.
        codes: (S, N) uint8, DAC code of the neuron's domain.
        spikes: (S, N) int64.
        repeats: (S,) int64, reads of each neuron.
    """

    drive: FloatArray
    codes: NDArray[np.uint8]
    spikes: NDArray[np.int64]
    repeats: NDArray[np.int64]

    @classmethod
    def none(cls, neurons: int) -> Reads:
        return cls(
            np.zeros((0, neurons)),
            np.zeros((0, neurons), np.uint8),
            np.zeros((0, neurons), np.int64),
            np.zeros(0, np.int64),
        )

    def with_more(self, other: Reads) -> Reads:
        """These and those of `other` after them."""
        return Reads(
            np.concatenate((self.drive, other.drive)),
            np.concatenate((self.codes, other.codes)),
            np.concatenate((self.spikes, other.spikes)),
            np.concatenate((self.repeats, other.repeats)),
        )


def relative_drive(layer: Layer, stimulus: Stimulus) -> FloatArray:
    """Drive of every neuron over its nominal threshold, (N,) float64; nan where the threshold is 0.

    A neuron of negative threshold is silenced by a drive that is more negative still: there too the quotient crosses 1.
    """
    sum_exc, sum_inh = stimulus.sums(layer)
    threshold = layer.threshold_q8 / 256.0
    safe = np.where(threshold == 0, np.nan, threshold)
    return (sum_exc + sum_inh) / safe
