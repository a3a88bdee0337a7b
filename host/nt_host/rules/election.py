"""Votes of whole classes, and the error that a label makes of them, in whole numbers.

The votes v_c of a class are the spikes that its P_c output neurons showed, per time step:

    z_c = slope * (v_c - P_c / 2) / root(P_c), times log2(e): Q8 within +-2^20
    2^x = table of 256 powers in Q16 and a shift; softmax and sigmoid from it in Q15
    e_c = (softmax(z)_c - y_c + half_weight / C * (1 or C / 3 for the label) * (sigmoid(z_c) - y_c)) * p_c
    p_c = root(smallest P) / root(P_c), Q15: dz_c/dv_c but for a factor that all classes have in common

The softmax asks for argmax, the sigmoid for strict accuracy: half the population of the label, of no other class. An
error below 1 % asks for nothing. The common factor is left out since the descent normalises it away.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.exact import (
    LOG2_E,
    ONE_Q15,
    ONE_Q16,
    ExactProduct,
    Int64Array,
    divided,
    falling_power_q16,
    saturated,
    shifted,
    sigmoid_q15,
)

LEAST_ERROR_Q15 = 328
LABEL_WEIGHT_SHARE = 3
SCORE_BITS = 20
ERROR_BITS = 17


class Election:
    """Class votes of an image's output spikes over T steps, and their error."""

    def __init__(
        self, readout_class: NDArray[np.uint16], n_classes: int, n_steps: int, *, slope: float, half_weight: float
    ) -> None:
        member = (readout_class[:, None] == np.arange(n_classes)).astype(np.int64)
        population = [int(size) for size in member.sum(axis=0)]
        self._votes_of = ExactProduct(member, n_steps)
        self._full = np.array(population, np.int64) * n_steps
        # Q24 per half vote over all steps; the root has 16 bits behind the point.
        slope_q16 = max(1, round(slope * LOG2_E * ONE_Q16))
        self._scale_q24 = np.array(
            [(slope_q16 << 24) // (2 * n_steps * math.isqrt(size << 32)) for size in population], np.int64
        )
        least = math.isqrt(min(population) << 32)
        self._share_q15 = np.array([least * ONE_Q15 // math.isqrt(size << 32) for size in population], np.int64)
        self._half_weight_q15 = max(1, round(half_weight * ONE_Q15))

    def votes(self, spikes: NDArray[np.uint8]) -> Int64Array:
        """Spikes (B, C) of each class over T steps, from output ``spikes`` (B, N_out)."""
        return self._votes_of(spikes)

    def error(self, votes: Int64Array, labels: NDArray[np.int64]) -> Int64Array:
        """Derivative of the loss by the votes, (B, C) Q15 within +-2^17."""
        n_classes = votes.shape[1]
        score_q8 = saturated(shifted((2 * votes - self._full) * self._scale_q24, 16), SCORE_BITS)
        wanted = labels[:, None] == np.arange(n_classes)
        power = falling_power_q16(score_q8.max(axis=1, keepdims=True) - score_q8)
        share = divided(power << 15, power.sum(axis=1, keepdims=True))
        firing = sigmoid_q15(score_q8)
        target = np.where(wanted, ONE_Q15, 0)
        weight = np.where(wanted, max(LABEL_WEIGHT_SHARE, n_classes), LABEL_WEIGHT_SHARE)
        half = _heeded(firing - target) * weight * self._half_weight_q15
        error = _heeded(share - target) + divided(half, (LABEL_WEIGHT_SHARE * n_classes) << 15)
        return saturated(shifted(error * self._share_q15, 15), ERROR_BITS)


def _heeded(error: Int64Array) -> Int64Array:
    return np.where(np.abs(error) < LEAST_ERROR_Q15, 0, error)
