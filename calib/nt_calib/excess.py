"""How sure is it that a neuron left its tolerance? Also where the reads say "far off" but not by how much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_calib.fit import LAPSE, MODEL_NOISE
from nt_calib.law import log_nominal_gain
from nt_calib.normal import ndtr
from nt_calib.reads import Reads

FloatArray = NDArray[np.float64]
FARTHEST = 1.2
"""ln of gain over nominal gain; beyond it all reads look alike."""
POINTS = 33


def excess_sigmas(
    reads: Reads,
    usable: NDArray[np.bool_],
    gain_q12: NDArray[np.uint16],
    falling: NDArray[np.bool_],
    noise: FloatArray,
    limit: float,
) -> FloatArray:
    """Standard deviations by which no gain within +-`limit` (ln of gain over nominal) explains the reads, (N,).

    It is the square root of twice the log-likelihood that is lost where the gain must lie within (likelihood-ratio
    test, Wilks 1938); 0 where the most likely gain lies within, or where no read tells anything.

    Args:
        usable: (S, N) bool, reads to go by.
        noise: (N,) of a read, relative to the threshold.
    """
    inside = np.linspace(-limit, limit, POINTS)
    outside = np.geomspace(limit, FARTHEST, POINTS)
    grid = np.concatenate((-outside[::-1], inside, outside))
    drive = np.where(np.nan_to_num(reads.drive, nan=-1.0) > 0, reads.drive, np.nan)
    distance = np.log(drive) + log_nominal_gain(gain_q12, reads.codes.astype(np.float64))
    told = np.isfinite(distance) & usable
    distance = np.where(told, distance, 0.0)
    width = np.hypot(noise, MODEL_NOISE)
    sign = np.where(falling, -1.0, 1.0)
    spikes = reads.spikes * told
    rests = (reads.repeats[:, None] - reads.spikes) * told
    likelihood = np.empty((len(grid), len(noise)))
    for row, error in enumerate(grid):
        p = LAPSE + (1 - 2 * LAPSE) * ndtr(sign * (distance + error) / width)
        likelihood[row] = (spikes * np.log(p) + rests * np.log1p(-p)).sum(axis=0)
    lost = likelihood.max(axis=0) - likelihood[POINTS : 2 * POINTS].max(axis=0)
    return np.sqrt(2.0 * np.maximum(lost, 0.0))
