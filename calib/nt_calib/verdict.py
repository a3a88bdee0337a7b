"""What is said of each neuron: good, or why not."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nt_calib.fit import Fit
from nt_calib.law import log_nominal_gain
from nt_calib.reads import Reads

MUST_FIRE = 5.0
MUST_REST = 0.1
"""Drive times nominal gain at which every neuron of every corner fires, or rests."""
FEWEST_READS = 8
LARGEST_SD_CODE = 0.5
LARGEST_DEVIANCE = 6.0
CODE_MAX = 255.0


class Verdict(IntEnum):
    """Of one neuron. Only GOOD ones count as calibrated."""

    GOOD = 0
    DEAD = 1
    STUCK = 2
    UNREACHABLE = 3
    TOO_WEAK = 4
    TOO_STRONG = 5
    UNCERTAIN = 6
    MISFIT = 7


MEANINGS = {
    Verdict.GOOD: "calibrated",
    Verdict.DEAD: "never fires, however strongly driven",
    Verdict.STUCK: "fires without being driven",
    Verdict.UNREACHABLE: "its weights let no stimulus reach its threshold",
    Verdict.TOO_WEAK: "reaches its nominal gain at no code: hits code 255",
    Verdict.TOO_STRONG: "exceeds its nominal gain at every code: hits code 0",
    Verdict.UNCERTAIN: "its reads leave its gain open by more than half a code",
    Verdict.MISFIT: "its reads do not follow the device law",
}


def judge_neurons(reads: Reads, fit: Fit, gain_q12: NDArray[np.uint16], falling: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Verdict of every neuron of a layer, (N,) int8."""
    code = np.zeros((len(falling), 1)) + 128.0
    at_top, at_bottom = (fit.law.log_gain(np.full((len(falling), 1), edge))[:, 0] for edge in (CODE_MAX, 0.0))
    slope = float(np.diff(log_nominal_gain(gain_q12, np.array([127.5, 128.5])))[0])
    nominal = float(log_nominal_gain(gain_q12, np.array([128.0]))[0])
    sd_code = fit.log_gain_sd(float(code[0, 0])) / slope
    dead, stuck = _faults(reads, gain_q12, falling)
    verdict = np.full(len(falling), Verdict.GOOD, np.int8)
    for name, applies in (
        (Verdict.MISFIT, fit.deviance > LARGEST_DEVIANCE),
        (Verdict.UNCERTAIN, sd_code > LARGEST_SD_CODE),
        (Verdict.TOO_STRONG, at_bottom > nominal),
        (Verdict.TOO_WEAK, at_top < nominal),
        (Verdict.UNREACHABLE, fit.reads_used == 0),
        (Verdict.STUCK, stuck),
        (Verdict.DEAD, dead),
    ):
        verdict[applies] = name
    return verdict


def _faults(
    reads: Reads, gain_q12: NDArray[np.uint16], falling: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Dead and stuck neurons, both (N,): silent in every read that must fire, firing in every one that must rest."""
    drive = np.nan_to_num(reads.drive, nan=1.0) * gain_q12[reads.codes] / 4096.0
    beyond, below = drive > MUST_FIRE, drive < MUST_REST
    # With a negative threshold the drive silences.
    must_fire, must_rest = np.where(falling, below, beyond), np.where(falling, beyond, below)
    repeats = reads.repeats[:, None]
    told_fire, told_rest = (must_fire * repeats).sum(axis=0), (must_rest * repeats).sum(axis=0)
    fired, restless = (must_fire * reads.spikes).sum(axis=0), (must_rest * reads.spikes).sum(axis=0)
    dead = (told_fire >= FEWEST_READS) & (fired == 0)
    stuck = (told_rest >= FEWEST_READS) & (restless == told_rest)
    return dead, stuck
