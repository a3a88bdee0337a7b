"""From float features to event counts.

A feature becomes two inputs: events for its positive part and events for its negative part, after a fixed
transform and a shift and scale fitted on the training part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nt_host.pretrain.spec import PretrainError

Transform = Literal["none", "signed_log"]

DEFAULT_STEP = 32.0
"""Events per standard deviation: 255 events then reach 8 standard deviations, which sensor drift does use."""

_SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class CountEncoder:
    """Encoder of kind ``count``: features (S, F) to uint8 event counts (S, 2 F), positive parts first."""

    transform: Transform
    offset: NDArray[np.float32]
    """(F,), in units of the transformed feature."""
    scale: NDArray[np.float32]
    """(F,), standard deviations per unit of the transformed feature."""
    step: float = DEFAULT_STEP
    """Events per standard deviation."""

    def encode(self, features: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Return uint8 counts (S, 2 F) of ``features`` (S, F); values beyond 255 events saturate.

        Raises ValueError where the number of features differs from the encoder's.
        """
        if features.ndim != 2 or features.shape[1] != self.offset.size:
            raise ValueError(f"features have shape {features.shape}; this encoder takes (S, {self.offset.size})")
        deviations = (transformed(features, self.transform) - self.offset) * self.scale
        events = np.rint(deviations * np.float32(self.step))
        both = np.concatenate([events, -events], axis=1)
        counts: NDArray[np.uint8] = np.clip(both, 0, 255).astype(np.uint8)
        return counts


def transformed(features: NDArray[np.floating], transform: Transform) -> NDArray[np.float32]:
    """Apply a fixed, parameter-free transform to features of any shape.

    ``signed_log`` is sign(x) * log(1 + |x|): near the identity for small values, it brings features of very
    different ranges (a resistance in kilo-ohm next to a rate of change) to comparable spreads.
    """
    values = features.astype(np.float64)
    if transform == "signed_log":
        values = np.sign(values) * np.log1p(np.abs(values))
    elif transform != "none":
        raise ValueError(f"unknown transform {transform!r}; known: none, signed_log")
    return values.astype(np.float32)


def fit_encoder(
    features: NDArray[np.floating],
    transform: Transform = "signed_log",
    step: float = DEFAULT_STEP,
    *,
    shared: bool = False,
) -> CountEncoder:
    """Fit shift and scale on the training part ``features`` (S, F), so that each feature has mean 0 and spread 1.

    A feature that never changes is left unscaled: its events are then zero on the training part. ``shared`` is for
    features of one kind, such as pixels: no shift and one scale, the spread over all of them. (Scaled one by one, a
    pixel at the rim of the training images would turn the least noise into a flood of events.) Raises PretrainError
    for an empty or non-finite training part.
    """
    if features.ndim != 2 or features.shape[0] < 1:
        raise PretrainError(f"features have shape {features.shape}; (S, F) with S >= 1 is needed")
    values = transformed(features, transform)
    if not np.isfinite(values).all():
        raise PretrainError("the training features hold values that are not finite")
    spread = values.std(axis=0, dtype=np.float64)
    offset = values.mean(axis=0, dtype=np.float64)
    if shared:
        spread, offset = np.full_like(spread, values.std(dtype=np.float64)), np.zeros_like(offset)
    scale = np.where(spread > _SMALLEST_DEVIATION, 1.0 / np.maximum(spread, _SMALLEST_DEVIATION), 1.0)
    return CountEncoder(
        transform=transform,
        offset=offset.astype(np.float32),
        scale=scale.astype(np.float32),
        step=step,
    )
