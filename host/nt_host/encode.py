"""Input encoders: float features become event counts, as the image's `EncoderSpec` says (docs/spec.md, section 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]


def encode(spec: EncoderSpec, features: FloatArray, n_steps: int) -> ByteArray:
    """Encode features for the chip.

    Args:
        spec: the image's encoder.
        features: (n, F) float, finite.
        n_steps: time steps T, 1..255; only `rate` looks at it.

    Returns:
        uint8 (n, M) events per step held for all T steps; for `rate` (n, T, M) with 0 or 1 event per step.

    Raises:
        UsageError: features are not 2-D with F columns, hold NaN or infinity, or T lies outside 1..255.
    """
    check_features(spec, features)
    if not 1 <= n_steps <= 255:
        raise UsageError("time steps lie outside 1..255", evidence=str(n_steps), next_step="give 1 to 255 steps")
    deviation = (transformed(spec.transform, features) - spec.offset) * spec.scale
    if spec.kind == "count":
        return _counts(deviation, spec.levels)
    if spec.kind == "binary":
        return (deviation > 0).astype(np.uint8)
    if spec.kind == "thermometer":
        return _thermometer(deviation, spec.levels)
    return _spread_evenly(deviation, n_steps)


def check_features(spec: EncoderSpec, features: FloatArray) -> None:
    """Refuse features that the encoder cannot take; raises as `encode`."""
    if features.ndim != 2 or features.shape[1] != spec.n_features:
        raise UsageError(
            f"the features do not fit the image: its encoder takes {spec.n_features} per sample",
            evidence=f"features of shape {features.shape}",
            next_step="use the data the image was built for, or see `nt-host info --image FILE`",
        )
    bad = ~np.isfinite(features)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UsageError(
            "the features hold NaN or infinity",
            evidence=f"{int(bad.sum())} of them, first in sample {int(row)}, feature {int(column)}",
            next_step="drop or repair those samples; the chip takes finite numbers only",
        )


def transformed(transform: str, features: FloatArray) -> FloatArray:
    """The transform of `EncoderSpec.transform`, shape kept, computed in float64 and given as float32."""
    if transform == "none":
        return features.astype(np.float32)
    wide = features.astype(np.float64)
    return (np.sign(wide) * np.log1p(np.abs(wide))).astype(np.float32)


def untransformed(transform: str, values: FloatArray) -> FloatArray:
    """Inverse of `transformed`."""
    if transform == "none":
        return values.astype(np.float32)
    wide = values.astype(np.float64)
    return (np.sign(wide) * np.expm1(np.abs(wide))).astype(np.float32)


def _counts(deviation: FloatArray, levels: int) -> ByteArray:
    """(n, 2 F): events of the positive parts, then of the negative parts, 0..255."""
    events = np.rint(deviation * np.float32(levels))
    return np.clip(np.concatenate([events, -events], axis=1), 0, 255).astype(np.uint8)


def _thermometer(deviation: FloatArray, levels: int) -> ByteArray:
    """(n, F * levels): input f * levels + k is on where z > k / levels."""
    steps = np.arange(levels, dtype=np.float32) / np.float32(levels)
    on = deviation[:, :, None] > steps
    return on.reshape(len(deviation), -1).astype(np.uint8)


def _spread_evenly(deviation: FloatArray, n_steps: int) -> ByteArray:
    """(n, T, F): k = round(z T) events, 0 <= k <= T, as evenly over the T steps as whole steps allow.

    Step t has an event where floor((t + 1) k / T) passes floor(t k / T): no random numbers, exactly k events.
    """
    k = np.clip(np.rint(deviation * np.float32(n_steps)), 0, n_steps).astype(np.int64)
    t = np.arange(n_steps, dtype=np.int64)[None, :, None]
    passed = (t + 1) * k[:, None, :] // n_steps > t * k[:, None, :] // n_steps
    return passed.astype(np.uint8)
