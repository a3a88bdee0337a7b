"""One layer of neurons that count: the ROM of a linear readout whose weights are the codes.

Over T steps a neuron under a constant drive of r thresholds per step spikes floor(T / ceil(1 / r)) times (its membrane
is reset to 0), about r T times. With the same directions in front of every class, the score of a class is

    s_c(x) = sum over k of rate(gain_ck * (w_k x + b_k) / theta_ck),

and with every direction present in both signs a gain is a free weight of either sign round its start: what all classes
share of the score cancels between them. The directions are principal axes of the scatter *within* classes of the
source, scaled by it, so that all of them matter alike to squared error: a discriminant sees its inputs that way too.

Nothing is trained by backpropagation: the axes are eigenvectors, rounded to 4 bits; the start gains are fitted to the
source by the squared error of rule `scores` within the range of the codes and folded into the thresholds, so that the
image classifies the source at code 128.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nt_host.pretrain.encode import CountEncoder
from nt_host.pretrain.spec import (
    WEIGHT_LIMIT,
    GradedSpec,
    PretrainError,
    TrainedLayer,
    TrainedNetwork,
    TrainProgress,
)
from nt_host.readout import accuracy
from nt_model.gain import nominal_gain

FloatArray = NDArray[np.float32]

ONE_Q8 = 256
ONE_Q12 = 4096
UNIT_GAIN = 4096
REPORT_EVERY = 50
SATURATED = 1.33
"""As in rule `scores`, whose squared error this fit has in float."""
WEIGHT_QUANTILE = 0.98
"""Quantile of an axis's weights that is scaled to the axis's largest amplitude; the few beyond are clipped."""
MOMENTUM = 0.9
MEMORY = 0.99
TINY = 1e-9
RATE_FLOOR = 0.05


def steady_counts(ratio: FloatArray, time_steps: int) -> FloatArray:
    """Spikes over T steps from rest of neurons under constant drives ``ratio``, in thresholds per step; no leak."""
    wait = np.ceil(1 / np.maximum(ratio, np.float32(0.5 / time_steps)))
    counts: FloatArray = np.floor(time_steps / np.maximum(wait, 1)).astype(np.float32)
    return counts


def train_graded(
    spec: GradedSpec,
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    groups: NDArray[np.integer],
    encoder: CountEncoder,
    progress: Callable[[TrainProgress], None] | None = None,
) -> TrainedNetwork:
    """Network of one layer, its populations side by side, class by class.

    Args:
        features: (S, F), finite.
        labels: (S,), classes 0..C-1, every class present.
        groups: (S,), domain of each sample (a user, a session): scatter is measured within class and domain.
        encoder: turns features into (S, 2 F) uint8 events.
        progress: called every 50 updates and after the last.

    Raises:
        PretrainError: a class has no sample, a feature is not finite, too few axes vary, or a bias leaves int16.
    """
    if not np.isfinite(features).all():
        raise PretrainError("the features hold NaN or infinity: drop or repair those samples")
    n_classes = int(labels.max()) + 1
    if len(np.unique(labels)) < n_classes or n_classes < 2:
        raise PretrainError("a class has no sample: number two classes or more from 0 without gaps")
    rng = np.random.default_rng(spec.seed)
    signed = signed_events(encoder.encode(features))
    weight = _axes(spec, within_classes(signed, labels, groups))
    current = signed @ weight.T
    mean, deviation = current.mean(axis=0), current.std(axis=0)
    offset = rng.normal(0, spec.kink_spread, len(weight))
    bias = np.rint(offset * deviation - mean)
    if not np.abs(bias).max() <= np.iinfo(np.int16).max:
        raise PretrainError(f"a bias is {np.abs(bias).max():.0f}, outside int16: drop more axes or spread kinks less")
    threshold = (deviation / spec.drive).astype(np.float32)
    ratio = ((current + bias) / threshold).astype(np.float32)
    log_gain = _start_gains(spec, ratio, labels, n_classes, rng, progress)
    scores = _source_scores(spec, ratio, log_gain)
    share = firing_shares_q12(scores, labels)
    seen = accuracy(np.arange(n_classes, dtype=np.uint16), scores, labels.astype(np.int64), share_q12=share)
    folded = np.maximum(np.rint(threshold * np.exp(-log_gain) * ONE_Q8), 1)
    layer = TrainedLayer(
        weight=np.tile(np.concatenate([weight, -weight], axis=1), (n_classes, 1)).astype(np.int8),
        bias=np.tile(bias, n_classes).astype(np.int16),
        threshold_q8=folded.reshape(-1).astype(np.int32),
    )
    return TrainedNetwork(
        (layer,),
        n_classes,
        len(weight),
        seen.argmax,
        seen.strict,
        spec,
        n_steps=spec.time_steps,
        firing_share_q12=tuple(share.tolist()),
    )


def score_error(scores: FloatArray, labels: NDArray[np.integer], lead: float) -> FloatArray:
    """e of rule `scores`, (B, C), of class scores (B, C) and labels (B,)."""
    n_classes = scores.shape[1]
    ahead = scores - scores.mean(axis=1, keepdims=True)
    wanted = (labels[:, None] == np.arange(n_classes)) - np.float32(1 / n_classes)
    error: FloatArray = (ahead / max(float(scores.mean()), TINY) - np.float32(lead) * wanted).astype(np.float32)
    return error


def count_slope(ratio: FloatArray) -> FloatArray:
    """Slope of a neuron's spikes per step by its drive: 1 between silence and a spike at every step."""
    return ((ratio > 0) & (ratio < SATURATED)).astype(np.float32)


def signed_events(events: NDArray[np.uint8]) -> FloatArray:
    """Counts (S, 2 F) of positive and negative parts as signed numbers (S, F)."""
    half = events.shape[1] // 2
    return events[:, :half].astype(np.float32) - events[:, half:].astype(np.float32)


def within_classes(signed: FloatArray, labels: NDArray[np.integer], groups: NDArray[np.integer]) -> FloatArray:
    """Samples less the mean of their class and group, (S, F)."""
    which = np.unique(np.stack([labels, groups]), axis=1, return_inverse=True)[1].reshape(-1)
    count = np.bincount(which)
    means = np.zeros((len(count), signed.shape[1]))
    np.add.at(means, which, signed)
    centred: FloatArray = (signed - (means / count[:, None])[which]).astype(np.float32)
    return centred


def _axes(spec: GradedSpec, within: FloatArray) -> NDArray[np.float64]:
    """Rounded axes, (2 * axes * copies, F), each with its opposite; amplitudes fall with the root of the deviation, so
    that the currents, and with them the thresholds, differ less from axis to axis."""
    variance, vectors = np.linalg.eigh(within.T.astype(np.float64) @ within / len(within))
    last = len(variance) - spec.dropped_axes
    kept = slice(max(0, last - spec.axes), last)
    if last < 1:
        raise PretrainError(f"{spec.dropped_axes} axes are dropped of {len(variance)}: none is left")
    deviation = np.sqrt(np.maximum(variance[kept], 0) + 1.0)
    axes = vectors[:, kept].T
    amplitude = np.clip(WEIGHT_LIMIT * np.sqrt(deviation.min() / deviation), 1, WEIGHT_LIMIT)
    scaled = axes / np.quantile(np.abs(axes), WEIGHT_QUANTILE, axis=1)[:, None] * amplitude[:, None]
    whole = np.clip(np.rint(scaled), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    whole = whole[np.abs(whole).sum(axis=1) > 0]
    both: NDArray[np.float64] = np.concatenate([whole, -whole] * spec.copies)
    return both


def _start_gains(
    spec: GradedSpec,
    ratio: FloatArray,
    labels: NDArray[np.integer],
    n_classes: int,
    rng: np.random.Generator,
    progress: Callable[[TrainProgress], None] | None,
) -> NDArray[np.float64]:
    """Log gains (C, K) that classify the source, from drives ``ratio`` (S, K) at gain 1."""
    limits = np.log(nominal_gain()[[0, -1]].astype(np.float64) / UNIT_GAIN)
    chance = 1 / np.bincount(labels)[labels]
    chance /= chance.sum()
    log_gain = np.zeros((n_classes, ratio.shape[1]))
    mean, square = np.zeros_like(log_gain), np.zeros_like(log_gain)
    for step in range(1, spec.steps + 1):
        batch = rng.choice(len(labels), spec.batch_size, p=chance)
        driven = ratio[batch, None, :] * np.exp(log_gain).astype(np.float32)
        scores = steady_counts(driven, spec.time_steps).mean(axis=2) / spec.time_steps
        error = score_error(scores, labels[batch], spec.lead)
        gradient = np.einsum("bc,bck->ck", error, driven * count_slope(driven)) / spec.batch_size
        mean += (1 - MOMENTUM) * (gradient - mean)
        square += (1 - MEMORY) * (gradient**2 - square)
        share = max(RATE_FLOOR, 0.5 * (1 + math.cos(math.pi * step / spec.steps)))
        # One size of step for all gains: a gain that hardly matters to the source stays near where it was.
        size = math.sqrt(float(square.mean()) / (1 - MEMORY**step)) + TINY
        log_gain = np.clip(log_gain - spec.rate * share / (1 - MOMENTUM**step) * mean / size, *limits)
        if progress is not None and (step % REPORT_EVERY == 0 or step == spec.steps):
            right = float((scores.argmax(axis=1) == labels[batch]).mean())
            progress(TrainProgress(step, spec.steps, float((error**2).mean()), right))
    return log_gain


def _source_scores(spec: GradedSpec, ratio: FloatArray, log_gain: NDArray[np.float64]) -> NDArray[np.int64]:
    """Spikes (S, C) of every class's population, steady counts at gains exp(log_gain)."""
    gain = np.exp(log_gain).astype(np.float32)
    parts = [
        steady_counts(ratio[start : start + spec.batch_size, None, :] * gain, spec.time_steps).sum(axis=2)
        for start in range(0, len(ratio), spec.batch_size)
    ]
    return np.concatenate(parts).astype(np.int64)


def firing_shares_q12(scores: NDArray[np.int64], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Share of all spikes of a sample, (C,) Q12, half-way between what a class has of its own samples and of others',
    from class ``scores`` (S, C)."""
    share = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1)
    own = labels[:, None] == np.arange(scores.shape[1])
    middle = [(each[mine].mean() + each[~mine].mean()) / 2 for each, mine in zip(share.T, own.T, strict=True)]
    return np.clip(np.rint(np.array(middle) * ONE_Q12), 1, ONE_Q12).astype(np.int64)
