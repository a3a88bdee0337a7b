"""Fits the device law to the reads of a layer: maximum a posteriori, every neuron on its own, all at once.

A read fires with probability LAPSE + (1 - 2 LAPSE) Phi((ln drive + ln G(code)) / noise); the lapse bounds what a
single wild read can do. Fisher scoring from a coarse noise to the true one; priors are weak (`PRIOR_SD`), so that what
the reads do not tell stays near nominal and says so by its standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_calib.law import N_PARAMETERS, AtCodes, Law, gradient_at, log_gain_at
from nt_calib.normal import ndtr
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
    at: AtCodes
    spikes: FloatArray
    repeats: FloatArray
    sign: FloatArray


def _gathered(reads: Reads, gain_q12: NDArray[np.uint16], falling: NDArray[np.bool_]) -> _Data:
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
        AtCodes.of(taken(reads.codes), gain_q12),
        taken(reads.spikes) * mask,
        taken(repeats) * mask,
        np.where(falling, -1.0, 1.0)[:, None],
    )


_TABLE_STEP = 1 / 4096
_TABLE_END = 8.0


def _tables() -> tuple[FloatArray, FloatArray]:
    """ln of the probability of a spike and of none, at eta from -_TABLE_END on in steps of _TABLE_STEP."""
    p = _probability(np.arange(-_TABLE_END, _TABLE_END + _TABLE_STEP / 2, _TABLE_STEP))
    return np.log(p), np.log1p(-p)


def _probability(eta: FloatArray) -> FloatArray:
    return LAPSE + (1 - 2 * LAPSE) * ndtr(eta)


def _score(data: _Data, eta: FloatArray, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Derivative of the log-likelihood by eta, and the Fisher information on eta, both (N, D); `p` of `eta`."""
    density = (1 - 2 * LAPSE) * np.exp(-0.5 * eta * eta) / np.sqrt(2 * np.pi)
    by_p = density / (p * (1 - p))
    return (data.spikes - data.repeats * p) * by_p, data.repeats * density * by_p


def _distance(law: Law, data: _Data) -> FloatArray:
    """How far every read lies above its crossing, ln of drive, (N, D)."""
    return data.sign * (data.log_drive + log_gain_at(law.parameters, data.at))


def _shared(law: Law, data: _Data, noise: FloatArray) -> _Data:
    """The data with the reads of a shot counted for less where they are many: they share one error of the DAC."""
    width = np.hypot(noise, MODEL_NOISE)[:, None]
    eta = _distance(law, data) / width
    information = _score(data, eta, _probability(eta))[1] / width**2
    share = 1.0 / (1.0 + information * MODEL_NOISE**2)
    return replace(data, spikes=data.spikes * share, repeats=data.repeats * share)


@dataclass(frozen=True, eq=False)
class _Point:
    """Where an iteration stands, neuron by neuron: `parameters` (N, 4), `eta` and `p` (N, D), `slope` (N, D, 4) of
    eta by the parameters, `height` (N,) of the log-posterior."""

    parameters: FloatArray
    eta: FloatArray
    p: FloatArray
    slope: FloatArray
    height: FloatArray

    @classmethod
    def at(cls, parameters: FloatArray, data: _Data, width: FloatArray) -> _Point:
        log_gain, slope = gradient_at(parameters, data.at)
        by_log_gain = data.sign / width
        eta = by_log_gain * (data.log_drive + log_gain)
        slope *= by_log_gain[..., None]
        p = _probability(eta)
        prior = 0.5 * ((parameters / PRIOR_SD) ** 2).sum(axis=1)
        return cls(parameters, eta, p, slope, _log_likelihood(data, p) - prior)

    def where(self, better: NDArray[np.bool_], other: _Point) -> _Point:
        """This point, and `other` for the neurons that stand `better` (N,) there."""
        if better.all():
            return other
        one, two = better[:, None], better[:, None, None]
        return _Point(
            np.where(one, other.parameters, self.parameters),
            np.where(one, other.eta, self.eta),
            np.where(one, other.p, self.p),
            np.where(two, other.slope, self.slope),
            np.where(better, other.height, self.height),
        )


def _log_likelihood(data: _Data, p: FloatArray) -> FloatArray:
    return (data.spikes * np.log(p) + (data.repeats - data.spikes) * np.log1p(-p)).sum(axis=1)


def _gradient_and_information(point: _Point, data: _Data) -> tuple[FloatArray, FloatArray]:
    """Of the log-posterior, (N, 4) and (N, 4, 4)."""
    precision = np.diag(PRIOR_SD**-2.0)
    score, weight = _score(data, point.eta, point.p)
    across = point.slope.transpose(0, 2, 1)
    gradient = (across @ score[..., None])[..., 0] - point.parameters @ precision
    return gradient, across @ (point.slope * weight[..., None]) + precision


def _iterate(law: Law, data: _Data, noise: FloatArray, rounds: int) -> tuple[Law, FloatArray]:
    """`rounds` damped steps of Fisher scoring at `noise` (N,); the law and the information (N, 4, 4) where it stands.

    A step that makes the posterior of a neuron worse is taken back, and the next one is damped (Levenberg-Marquardt).
    """
    width = np.hypot(noise, MODEL_NOISE)[:, None]
    damping = np.full(len(noise), 1e-3)
    point = _Point.at(law.parameters, data, width)
    for _ in range(rounds):
        gradient, information = _gradient_and_information(point, data)
        damped = information + damping[:, None, None] * information * np.eye(N_PARAMETERS)
        step = np.linalg.solve(damped, gradient[..., None])[..., 0]
        tried = _Point.at(point.parameters + np.clip(step, -MAX_STEP, MAX_STEP), data, width)
        better = tried.height > point.height
        # A step that was taken back says nothing: the damped one after it may still climb.
        settled = bool((better & (tried.height - point.height < SETTLED) | (damping > MOST_DAMPING)).all())
        point = point.where(better, tried)
        damping = np.where(better, damping / 4, damping * 8)
        if settled:
            break
    return Law(point.parameters, law.gain_q12), _gradient_and_information(point, data)[1]


def _noise_of(law: Law, data: _Data) -> FloatArray:
    """Most likely noise of each neuron, (N,), drawn towards the median of the layer."""
    distance = _distance(law, data)
    likelihood = np.zeros((len(distance), len(NOISE_GRID)))
    log_spike, log_none = _tables()
    silent = data.repeats - data.spikes
    last = len(log_spike) - 1
    for k, noise in enumerate(NOISE_GRID):
        # A table: only the best of a grid is asked for, and the normal integral is what a calibration spends most on.
        scaled = distance * (1 / (np.hypot(noise, MODEL_NOISE) * _TABLE_STEP)) + (last / 2 + 0.5)
        index = np.clip(scaled, 0, last).astype(np.int32)
        likelihood[:, k] = np.einsum("nd,nd->n", data.spikes, log_spike[index])
        likelihood[:, k] += np.einsum("nd,nd->n", silent, log_none[index])
    told = data.repeats.sum(axis=1) > 0
    alone = np.log(NOISE_GRID)[np.argmax(likelihood, axis=1)]
    centre = float(np.median(alone[told])) if told.any() else float(np.log(NOISE_GRID[0]))
    drawn = likelihood - 0.5 * ((np.log(NOISE_GRID) - centre) / LOG_NOISE_PRIOR_SD) ** 2
    return NOISE_GRID[np.argmax(drawn, axis=1)]


def _deviance(law: Law, data: _Data, noise: FloatArray) -> FloatArray:
    width = np.hypot(noise, MODEL_NOISE)[:, None]
    eta = _distance(law, data) / width
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
    data = _gathered(reads, gain_q12, falling)
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
