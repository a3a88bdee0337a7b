"""Reads a calibrated chip back: how far is each neuron's gain from nominal now? The same reads serve as the check
whether an old calibration still holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_calib.fit import LAPSE, MODEL_NOISE
from nt_calib.law import log_nominal_gain
from nt_calib.measure import LayerBench
from nt_calib.normal import ndtr
from nt_calib.patterns import choose_patterns
from nt_calib.reads import Reads
from nt_model.correction import Corrections
from nt_model.image import CODE_DEFAULT, Layer

FloatArray = NDArray[np.float64]
COARSE = np.linspace(-1.2, 1.2, 241)
FINE = np.linspace(-0.015, 0.015, 61)
SPREADS = (0.0, 0.6, -0.6, 3.0, -3.0, 12.0, -12.0, 40.0, -40.0)
"""Reads lie at the nominal crossing and so many standard deviations of the noise aside, the far ones so that a neuron
that is off by much is seen to be."""
INNER_CODE, OUTER_CODE = 64, 96
"""Crossings and reads within so many codes of code 128 count: farther out a correction may have met its bounds."""


def read_back(layer: LayerBench, noise: FloatArray, patterns: int, seed: int) -> Reads:
    """Read `patterns` stimuli around the nominal crossings, at calibrated codes; `noise` (N,) as once measured."""
    chosen = choose_patterns(layer.image.layers[layer.index], layer.index, layer.image.gain, patterns, seed)
    width = np.hypot(noise, MODEL_NOISE)
    wanted = []
    for number, pattern in enumerate(chosen):
        slope = _code_per_log_gain(layer.image.gain, pattern.code)
        aside = SPREADS[number % len(SPREADS)] * width * slope
        inner = np.abs(pattern.code - CODE_DEFAULT) <= INNER_CODE
        wanted.append(np.where(inner, np.clip(pattern.code + aside, 0.0, 255.0), np.nan))
    return layer.shoot(chosen, wanted, layer.options.refine_repeats)


def _code_per_log_gain(gain_q12: NDArray[np.uint16], code: FloatArray) -> FloatArray:
    at = np.nan_to_num(code, nan=128.0)
    return 1.0 / (log_nominal_gain(gain_q12, at + 0.5) - log_nominal_gain(gain_q12, at - 0.5))


def in_reach(
    reads: Reads, layer: Layer, corrections: Corrections, code_range: tuple[int, int] = (0, 255)
) -> NDArray[np.bool_]:
    """Reads, (S, N), whose corrected code is not bounded by the range of the DAC or of the chip: only they show a gain
    that a calibration could set."""
    domain = layer.domain[:, 0]
    inside = np.zeros(reads.codes.shape, bool)
    for shot, codes in enumerate(reads.codes):
        calibrated = np.full(len(corrections.offset_q4), CODE_DEFAULT, np.uint8)
        calibrated[domain] = codes
        dac = corrections.dac_codes(calibrated, *code_range)[domain]
        inside[shot] = (dac > code_range[0]) & (dac < code_range[1])
    return inside


def gain_error(
    reads: Reads,
    usable: NDArray[np.bool_],
    gain_q12: NDArray[np.uint16],
    falling: NDArray[np.bool_],
    noise: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """ln of gain over nominal gain of each neuron, and its standard deviation, both (N,); nan where no read tells.

    Posterior mean over a flat prior within +-1.2, first on a coarse grid, then on a fine one around its mean.

    Args:
        usable: (S, N) bool, reads to go by, see `in_reach`.
        noise: (N,) of a read, relative to the threshold.
    """
    drive = np.where(np.nan_to_num(reads.drive, nan=-1.0) > 0, reads.drive, np.nan)
    distance = np.log(drive) + log_nominal_gain(gain_q12, reads.codes.astype(np.float64))
    near = np.abs(reads.codes.astype(np.int64) - CODE_DEFAULT) <= OUTER_CODE
    told = np.isfinite(distance) & near & usable
    known = replace(reads, drive=np.where(told, distance, 0.0))
    width = np.hypot(noise, MODEL_NOISE)
    sign = np.where(falling, -1.0, 1.0)
    coarse = COARSE[None, :].repeat(len(noise), axis=0)
    rough, rough_sd = _moments(coarse, _likelihood(known, told, coarse, np.maximum(width, 0.01), sign))
    scale = np.maximum(width / 0.005, 1.0)
    grid = COARSE[np.argmin(np.abs(coarse - rough[:, None]), axis=1)][:, None] + FINE[None, :] * scale[:, None]
    mean, sd = _moments(grid, _likelihood(known, told, grid, width, sign))
    # Where the reads leave the error open beyond the fine grid, the coarse one says by how much.
    open_ended = rough_sd > 0.01 * scale
    mean, sd = np.where(open_ended, rough, mean), np.where(open_ended, rough_sd, np.hypot(sd, MODEL_NOISE))
    nothing = told.sum(axis=0) == 0
    return np.where(nothing, np.nan, mean), np.where(nothing, np.nan, sd)


def _moments(grid: FloatArray, log_weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each row of `grid` (N, G) under `log_weight` (N, G), both (N,)."""
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight * grid).sum(axis=1)
    return mean, np.sqrt(np.maximum((weight * grid**2).sum(axis=1) - mean**2, 0.0))


def _likelihood(
    reads: Reads, told: NDArray[np.bool_], grid: FloatArray, width: FloatArray, sign: FloatArray
) -> FloatArray:
    """Log-likelihood of every gain error of `grid` (N, G), given ln(drive * nominal gain) in `reads.drive`; (N, G)."""
    total = np.zeros_like(grid)
    for shot in range(len(reads.repeats)):
        eta = sign[:, None] * (reads.drive[shot][:, None] + grid) / width[:, None]
        p = LAPSE + (1 - 2 * LAPSE) * ndtr(eta)
        spikes = reads.spikes[shot][:, None]
        gained = spikes * np.log(p) + (reads.repeats[shot] - spikes) * np.log1p(-p)
        total += np.where(told[shot][:, None], gained, 0.0)
    return total
