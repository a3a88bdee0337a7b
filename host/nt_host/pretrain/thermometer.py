"""Neurons that measure along the principal axes of the source: several thresholds on each, like a thermometer.

A sum of an axis's spikes with weights of its own is any staircase of the place along that axis, and so about any
linear function of it; all axes together span all features, so that a readout of the spikes comes near every linear
classifier, also one that looks where the source has little variance.

    axis j = eigenvector j of the scatter within classes and domains of the source, in events, 4 bit, its amplitude
             falling with the root of its deviation (`nt_host.pretrain.graded` does the same)
    threshold (j, k) = mean_j + WIDE deviation_j Phi^-1((k + 1/2) / levels),  k = 0..levels - 1

with the mean and deviation of the axis's current over all of the source and Phi the normal distribution. Batches drift
far outside the source: WIDE spreads the thresholds beyond its cloud. Nothing is trained, nothing drawn.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer
from nt_host.encode import encode
from nt_host.pretrain.graded import WEIGHT_QUANTILE, signed_events, within_classes
from nt_host.pretrain.spec import WEIGHT_LIMIT, PretrainError
from nt_host.pretrain.whitened import HEIGHT, ONE_Q8
from nt_host.tasks.dataset import Dataset
from nt_model.image import EncoderSpec

WIDE = 2.0
"""Chosen on transfers among batches 1 to 3 of the e-nose (docs/learning_nose.md)."""
TINY = 1e-9
"""In place of a quantile of 0, which an axis along few features has: all of these then get the largest weight."""


def thermometer_layer(encoder: EncoderSpec, source: Dataset, levels: int) -> NetworkLayer:
    """`levels` neurons on each of the F principal axes, axis by axis, all of one threshold, (F * levels) in all.

    The threshold is HEIGHT deviations of the quietest axis: noise of the silicon goes with the thresholds.

    Raises:
        PretrainError: the encoder does not count events, an axis carries none, or a bias leaves int16.
    """
    if encoder.kind != "count":
        raise PretrainError(f"thermometers need event counts; the image has an encoder of kind '{encoder.kind}'")
    signed = signed_events(encode(encoder, source.features, 1)).astype(np.float64)
    axes = _whole_axes(within_classes(signed.astype(np.float32), source.labels, source.domain).astype(np.float64))
    current = signed @ axes.T
    mean, deviation = current.mean(axis=0), current.std(axis=0)
    if not deviation.min() > 0:
        raise PretrainError("a principal axis carries no event: leave out features that never change")
    height = WIDE * np.array([NormalDist().inv_cdf((k + 0.5) / levels) for k in range(levels)])
    decision = (mean[:, None] + deviation[:, None] * height).reshape(-1)
    threshold = max(1.0, HEIGHT * float(deviation.min()))
    bias = np.rint(threshold - decision)
    if np.abs(bias).max() > np.iinfo(np.int16).max:
        raise PretrainError(
            f"a bias is {np.abs(bias).max():.0f}, outside int16: encode with fewer events per deviation"
        )
    weight = np.repeat(np.concatenate([axes, -axes], axis=1), levels, axis=0).astype(np.int8)
    # The bias is whole: what it rounds away goes into the threshold.
    return NetworkLayer(weight, bias.astype(np.int16), np.rint((bias + decision) * ONE_Q8).astype(np.int64))


def _whole_axes(within: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F) rounded axes of samples less their class's mean (S, F)."""
    variance, vectors = np.linalg.eigh(within.T @ within / len(within))
    deviation = np.sqrt(np.maximum(variance, 0) + 1.0)
    amplitude = np.clip(WEIGHT_LIMIT * np.sqrt(deviation.min() / deviation), 1, WEIGHT_LIMIT)
    axes = vectors.T
    size = np.maximum(np.quantile(np.abs(axes), WEIGHT_QUANTILE, axis=1), TINY)
    scaled = axes / size[:, None] * amplitude[:, None]
    whole: NDArray[np.float64] = np.clip(np.rint(scaled), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return whole
