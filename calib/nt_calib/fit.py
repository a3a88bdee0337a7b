"""Fits the device law to the reads of a layer: maximum a posteriori, every neuron on its own, all at once.

A read fires with probability LAPSE + (1 - 2 LAPSE) Phi((ln drive + ln G(code)) / noise); the lapse bounds what a
single wild read can do. Fisher scoring from a coarse noise to the true one; priors are weak (`PRIOR_SD`), so that what
the reads do not tell stays near nominal and says so by its standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nt_calib.law import N_PARAMETERS, Law
from nt_calib.reads import Reads

FloatArray = NDArray[np.float64]

PRIOR_SD = np.array([0.6, 0.35, 0.09, 2.0])
"""Of scale, shape, vth_shift (V) and bow (codes): twice what the widest corner, 30 %, has."""
LAPSE = 2e-4
MODEL_NOISE = 0.002
"""What the law leaves open, as a share of the gain: steps of the DAC of some 0.2 codes."""
MAX_STEP = np.array([0.3, 0.3, 0.06, 1.0])
COARSE_NOISE = (0.3, 0.1, 0.03)
ITERATIONS = 10
SETTLED = 1e-3
"""A step that raises a neuron's log-posterior by less is its last one."""
MOST_DAMPING = 1e4
NOISE_GRID = np.geomspace(0.001, 0.3, 40)
NOISE_ROUNDS = 3
LOG_NOISE_PRIOR_SD = 0.5
DRIVE_RANGE = (0.2, 6.0)


@dataclass(frozen=True, eq=False)
class Fit:
    """Fit of the N neurons of a layer.

    Attributes:
        law: with `parameters` (N, 4).
        covariance: (N, 4, 4) of the parameters.
        noise: (N,) standard deviation of a read, relative to the threshold.
        reads_used: (N,) int64.
        deviance: (N,) mean over the shots of the squared standardised difference of seen and expected spikes; near 1
            where the law holds.
    """

    law: Law
    covariance: FloatArray
    noise: FloatArray
    reads_used: NDArray[np.int64]
    deviance: FloatArray

    def log_gain_sd(self, code: float) -> FloatArray:
        """Standard deviation of ln G at one DAC `code`, (N,)."""
        codes = np.full((len(self.noise), 1), float(code))
        gradient = self.law.gradient(codes)[1][:, 0]
        variance = np.einsum("nk,nkl,nl->n", gradient, self.covariance, gradient)
        return np.sqrt(np.maximum(variance, 0.0))


@dataclass(frozen=True, eq=False)
class _Data:
    """Reads that tell something, gathered neuron by neuron: all (N, D); `repeats` is 0 where there is none."""

    log_drive: FloatArray
    codes: FloatArray
    spikes: FloatArray
    repeats: FloatArray
    sign: FloatArray


def _gathered(reads: Reads, falling: NDArray[np.bool_]) -> _Data:
    drive = np.nan_to_num(reads.drive, nan=-1.0)
    useful = (drive > DRIVE_RANGE[0]) & (drive < DRIVE_RANGE[1])
    depth = max(1, int(useful.sum(axis=0).max(initial=0)))
    order = np.argsort(~useful, axis=0, kind="stable")[:depth]

    def taken(array: NDArray[np.generic]) -> FloatArray:
        return np.ascontiguousarray(np.take_along_axis(array.astype(np.float64), order, axis=0).T)

    mask = taken(useful)
    repeats = np.broadcast_to(reads.repeats[:, None], drive.shape)
    return _Data(
        np.log(np.where(mask > 0, taken(drive), 1.0)),
        taken(reads.codes),
        taken(reads.spikes) * mask,
        taken(repeats) * mask,
        np.where(falling, -1.0, 1.0)[:, None],
    )


def _probability(eta: FloatArray) -> FloatArray:
    return LAPSE + (1 - 2 * LAPSE) * ndtr(eta)


def _score(data: _Data, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Derivative of the log-likelihood by eta, and the Fisher information on eta, both (N, D)."""
    density = (1 - 2 * LAPSE) * np.exp(-0.5 * eta * eta) / np.sqrt(2 * np.pi)
    p = _probability(eta)
    spread = p * (1 - p)
    return (data.spikes - data.repeats * p) * density / spread, data.repeats * density * density / spread


def _shared(law: Law, data: _Data, noise: FloatArray) -> _Data:
    """The data with the reads of a shot counted for less where they are many: they share one error of the DAC."""
    width = np.hypot(noise, MODEL_NOISE)[:, None]
    eta = data.sign * (data.log_drive + law.log_gain(data.codes)) / width
    information = _score(data, eta)[1] / width**2
    share = 1.0 / (1.0 + information * MODEL_NOISE**2)
    return replace(data, spikes=data.spikes * share, repeats=data.repeats * share)


def _eta(law: Law, data: _Data, width: FloatArray) -> tuple[FloatArray, FloatArray]:
    """eta (N, D) and its derivatives by the parameters (N, D, 4)."""
    log_gain, by_parameter = law.gradient(data.codes)
    eta = data.sign * (data.log_drive + log_gain) / width
    return eta, data.sign[..., None] * by_parameter / width[..., None]


def _log_posterior(parameters: FloatArray, data: _Data, eta: FloatArray) -> FloatArray:
    p = _probability(eta)
    likelihood = (data.spikes * np.log(p) + (data.repeats - data.spikes) * np.log1p(-p)).sum(axis=1)
    return likelihood - 0.5 * ((parameters / PRIOR_SD) ** 2).sum(axis=1)


def _iterate(law: Law, data: _Data, noise: FloatArray, rounds: int) -> tuple[Law, FloatArray]:
    """`rounds` damped steps of Fisher scoring at `noise` (N,); the law and the information (N, 4, 4) where it stands.

    A step that makes the posterior of a neuron worse is taken back, and the next one is damped (Levenberg-Marquardt).
    """
    precision = np.diag(PRIOR_SD**-2.0)
    width = np.hypot(noise, MODEL_NOISE)[:, None]
    damping = np.full(len(noise), 1e-3)
    parameters = law.parameters
    eta, slope = _eta(law, data, width)
    height = _log_posterior(parameters, data, eta)
    for _ in range(rounds):
        score, weight = _score(data, eta)
        gradient = np.einsum("nd,ndk->nk", score, slope) - parameters @ precision
        information = np.einsum("nd,ndk,ndl->nkl", weight, slope, slope) + precision
        damped = information + damping[:, None, None] * information * np.eye(N_PARAMETERS)
        step = np.linalg.solve(damped, gradient[..., None])[..., 0]
        tried = parameters + np.clip(step, -MAX_STEP, MAX_STEP)
        tried_eta, tried_slope = _eta(Law(tried, law.gain_q12), data, width)
        tried_height = _log_posterior(tried, data, tried_eta)
        better = tried_height > height
        # A step that was taken back says nothing: the damped one after it may still climb.
        settled = bool((better & (tried_height - height < SETTLED) | (damping > MOST_DAMPING)).all())
        parameters = np.where(better[:, None], tried, parameters)
        eta = np.where(better[:, None], tried_eta, eta)
        slope = np.where(better[:, None, None], tried_slope, slope)
        height = np.where(better, tried_height, height)
        damping = np.where(better, damping / 4, damping * 8)
        if settled:
            break
    information = np.einsum("nd,ndk,ndl->nkl", _score(data, eta)[1], slope, slope) + precision
    return Law(parameters, law.gain_q12), information


def _noise_of(law: Law, data: _Data) -> FloatArray:
    """Most likely noise of each neuron, (N,), drawn towards the median of the layer."""
    distance = data.sign * (data.log_drive + law.log_gain(data.codes))
    likelihood = np.zeros((len(distance), len(NOISE_GRID)))
    for k, noise in enumerate(NOISE_GRID):
        p = _probability(distance / np.hypot(noise, MODEL_NOISE))
        likelihood[:, k] = (data.spikes * np.log(p) + (data.repeats - data.spikes) * np.log1p(-p)).sum(axis=1)
    told = data.repeats.sum(axis=1) > 0
    alone = np.log(NOISE_GRID)[np.argmax(likelihood, axis=1)]
    centre = float(np.median(alone[told])) if told.any() else float(np.log(NOISE_GRID[0]))
    drawn = likelihood - 0.5 * ((np.log(NOISE_GRID) - centre) / LOG_NOISE_PRIOR_SD) ** 2
    return NOISE_GRID[np.argmax(drawn, axis=1)]


def _deviance(law: Law, data: _Data, noise: FloatArray) -> FloatArray:
    width = np.hypot(noise, MODEL_NOISE)[:, None]
    eta = data.sign * (data.log_drive + law.log_gain(data.codes)) / width
    p = _probability(eta)
    by_gain = data.repeats * np.exp(-0.5 * eta * eta) / np.sqrt(2 * np.pi) / width
    variance = data.repeats * p * (1 - p) + (by_gain * MODEL_NOISE) ** 2
    # Shots far from the crossing expect no spread at all and would make the mean a lottery.
    telling = variance > 0.2
    squared = np.where(telling, (data.spikes - data.repeats * p) ** 2 / np.where(telling, variance, 1.0), 0.0)
    return squared.sum(axis=1) / np.maximum(telling.sum(axis=1), 1)


def fit_layer(
    reads: Reads, gain_q12: NDArray[np.uint16], falling: NDArray[np.bool_], start: FloatArray | None = None
) -> Fit:
    """Fit the law to `reads`.

    Args:
        gain_q12: (256,) uint16, the image's nominal gain table.
        falling: (N,) bool: spikes grow rarer with the gain (negative threshold).
        start: (N, 4) parameters to start from; without them those of the nominal neuron, and a coarse noise first.
    """
    data = _gathered(reads, falling)
    neurons = len(falling)
    law = Law(np.zeros((neurons, N_PARAMETERS)) if start is None else start, gain_q12)
    if start is None:
        for noise in COARSE_NOISE:
            law, _ = _iterate(law, data, np.full(neurons, noise), ITERATIONS)
    for _ in range(NOISE_ROUNDS):
        noise_now = _noise_of(law, data)
        law, information = _iterate(law, _shared(law, data, noise_now), noise_now, ITERATIONS)
    return Fit(
        law,
        np.linalg.inv(information).astype(np.float64),
        noise_now,
        data.repeats.sum(axis=1).astype(np.int64),
        _deviance(law, data, noise_now),
    )
