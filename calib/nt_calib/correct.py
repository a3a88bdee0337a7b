"""From the fit to corrections: the code that gives each domain the image's nominal gain, as a parabola per domain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_calib.law import log_nominal_gain
from nt_model.correction import BOW_RANGE, OFFSET_RANGE_Q4, SLOPE_RANGE_Q9, Corrections
from nt_model.image import CODE_DEFAULT

FloatArray = NDArray[np.float64]
GRID = np.linspace(0.0, 255.0, 1021)
"""DAC codes at which the fitted gain is looked up."""
KNOTS = np.arange(8.0, 249.0, 4.0)
"""Nominal codes at which the parabola is fitted."""
CORE_CODE = 72.0
EDGE_WEIGHT = 0.05


def wanted_codes(log_gain: FloatArray, gain_q12: NDArray[np.uint16], codes: FloatArray) -> FloatArray:
    """DAC code, not rounded, at which a domain has the nominal gain of each of `codes` (K,); bounded to 0..255.

    Args:
        log_gain: (C, len(GRID)) ln of the input-referred gain of each domain at the DAC codes `GRID`.

    Returns:
        (C, K) float64.
    """
    target = log_nominal_gain(gain_q12, codes)
    rising = np.maximum.accumulate(log_gain, axis=1)
    return np.stack([np.interp(target, row, GRID) for row in rising])


def fit_corrections(log_gain: FloatArray, known: NDArray[np.bool_], gain_q12: NDArray[np.uint16]) -> Corrections:
    """Corrections of C domains; those that are not `known` (C,) keep their codes."""
    shift = wanted_codes(log_gain, gain_q12, KNOTS) - KNOTS
    k = KNOTS - CODE_DEFAULT
    # Bounded codes are not what is wanted, only the best there is: they count where nothing better does.
    bounded = (shift + KNOTS <= 0.0) | (shift + KNOTS >= 255.0)
    weight = (np.exp(-((k / CORE_CODE) ** 2)) + EDGE_WEIGHT) * np.where(bounded, 1e-3, 1.0)
    basis = np.stack((np.ones_like(k), k / CODE_DEFAULT, (k / CODE_DEFAULT) ** 2), axis=1)
    normal = np.einsum("ck,ki,kj->cij", weight, basis, basis)
    right = np.einsum("ck,ki,ck->ci", weight, basis, shift)
    offset, slope, bow = np.linalg.solve(normal, right[..., None])[..., 0].T

    def rounded(value: FloatArray, unit: float, limits: tuple[int, int]) -> NDArray[np.int64]:
        return np.where(known, np.clip(np.rint(value * unit), *limits), 0).astype(np.int64)

    return Corrections(
        rounded(offset, 16.0, OFFSET_RANGE_Q4),
        rounded(slope, 512.0 / CODE_DEFAULT, SLOPE_RANGE_Q9),
        rounded(bow, 65536.0 / CODE_DEFAULT**2, BOW_RANGE),
    )
