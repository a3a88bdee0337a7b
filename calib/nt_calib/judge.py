"""The figures that judge a calibration: trimmed spread before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_calib.result import Calibration

FloatArray = NDArray[np.float64]
TRIM = 0.05
READ_SD = 0.02
"""Neurons that were read back less surely than that do not count in the spread after calibration."""


def trimmed_sigma(values: FloatArray, trim: float = TRIM) -> float:
    """Standard deviation of `values` (any shape, nan ignored) without the share `trim` farthest from the median."""
    flat = values[np.isfinite(values)]
    if len(flat) == 0:
        return float("nan")
    distance = np.abs(flat - np.median(flat))
    kept = flat[np.argsort(distance, kind="stable")[: max(1, round(len(flat) * (1 - trim)))]]
    return float(np.std(kept))


@dataclass(frozen=True)
class Figures:
    """Of a whole chip.

    Attributes:
        neurons, calibrated: how many there are, and how many were calibrated.
        sigma_before, sigma_after: trimmed standard deviation of ln gain at code 128, over the calibrated neurons,
            before as fitted, after as read back, both through the wire.
        noise: median temporal noise of a read, relative to the threshold.
    """

    neurons: int
    calibrated: int
    sigma_before: float
    sigma_after: float
    noise: float

    @property
    def ratio(self) -> float:
        """Trimmed sigma after over before."""
        return self.sigma_after / self.sigma_before if self.sigma_before > 0 else float("nan")


def figures_of(calibration: Calibration) -> Figures:
    """Figures that judge `calibration`, from what was seen through the wire."""
    good = np.concatenate([layer.success for layer in calibration.layers])
    before = np.concatenate([layer.before for layer in calibration.layers])
    after = np.concatenate([np.where(layer.after_sd < READ_SD, layer.after, np.nan) for layer in calibration.layers])
    noise = np.concatenate([layer.noise for layer in calibration.layers])
    return Figures(
        len(good),
        int(good.sum()),
        trimmed_sigma(before[good]),
        trimmed_sigma(after[good]),
        float(np.median(noise[good])) if good.any() else float("nan"),
    )
