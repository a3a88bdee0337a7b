"""Random neurons beside a trained first layer: directions in which the classes of the source scatter evenly.

What few labels are best read from is not known while a ROM is trained. A linear discriminant does well on a new user
because it divides by the scatter within classes; a neuron with random weights in features that are *whitened* by that
scatter, and a threshold somewhere within its own current, is a piece of any such discriminant.

    w = V diag(1 / sqrt(v + 1/12)) n,    n ~ N(0, 1),    scatter within classes and domains = V diag(v) V^T

in events squared; 1/12 is the variance that the rounding to events adds. Nothing is trained.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer
from nt_host.encode import encode
from nt_host.pretrain.graded import signed_events, within_classes
from nt_host.pretrain.spec import PretrainError
from nt_host.tasks.dataset import Dataset
from nt_model.image import EncoderSpec, Layer
from nt_model.weights import WEIGHT_MAX

ONE_Q8 = 256
ROUNDING_VARIANCE = 1 / 12
HEIGHT = 0.5
"""Thresholds in standard deviations of the current. The silicon's threshold spread and noise go with the RMS threshold
of a layer, and a whitened current is a tenth of a trained one: high thresholds of the latter would drown the former."""


def with_whitened(first: Layer, encoder: EncoderSpec, source: Dataset, count: int, seed: int) -> NetworkLayer:
    """`first` and after it `count` random neurons, all with thresholds of HEIGHT and decisions where they were.

    Args:
        first: first layer of a network of one time step, with `encoder` of kind `count`.
        source: samples of the source; a domain is what its scatter is measured within, beside the class.
        seed: of directions and thresholds.

    Raises:
        PretrainError: the encoder is of another kind, or a bias leaves int16.
    """
    if encoder.kind != "count":
        raise PretrainError(f"random neurons need event counts; the image has an encoder of kind '{encoder.kind}'")
    events = encode(encoder, source.features, 1)
    rng = np.random.default_rng([seed, count])
    weight = _directions(signed_events(events), source, count, rng)
    decision = [first.threshold_q8 / ONE_Q8 - first.bias]
    current = events.astype(np.float32) @ weight.T.astype(np.float32)
    decision.append(current[rng.integers(0, len(current), count), np.arange(count)])
    weight = np.concatenate([first.weight, weight])
    return _lowered(weight, np.concatenate(decision), events)


def _directions(signed: NDArray[np.float32], source: Dataset, count: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Weights (count, 2 F), -7..7."""
    within = within_classes(signed, source.labels, source.domain).astype(np.float64)
    variance, vectors = np.linalg.eigh(within.T @ within / len(within))
    scale = 1 / np.sqrt(np.maximum(variance, 0) + ROUNDING_VARIANCE)
    wide = rng.normal(size=(count, len(variance))) * scale @ vectors.T
    whole = np.rint(wide / np.abs(wide).max(axis=1, keepdims=True) * WEIGHT_MAX)
    return np.concatenate([whole, -whole], axis=1).astype(np.int8)


def _lowered(weight: NDArray[np.int8], decision: NDArray[np.float64], events: NDArray[np.uint8]) -> NetworkLayer:
    """Neurons that spike at gain 1 for currents from `decision` (N,) on, with thresholds of HEIGHT on `events`."""
    deviation = (events.astype(np.float32) @ weight.T.astype(np.float32)).std(axis=0, dtype=np.float64)
    threshold = np.maximum(HEIGHT * deviation, 1.0)
    bias = np.rint(threshold - decision)
    if np.abs(bias).max() > np.iinfo(np.int16).max:
        raise PretrainError(
            f"a bias is {np.abs(bias).max():.0f}, outside int16: encode with fewer events per deviation"
        )
    # The bias is whole: what it rounds away goes into the threshold.
    return NetworkLayer(weight, bias.astype(np.int16), np.rint((bias + decision) * ONE_Q8).astype(np.int64))
