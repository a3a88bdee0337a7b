"""What the three baseline rules share: plain error, backward pass, layer-wise scale, falling rate; whole numbers.

    e_out = target - output, Q15             output: spikes per time step, 0..1, nearest
    e_low = back(e_high) * gate, Q15         gate: 1, or the surrogate window; within +-2^30 (`integer_estimate`)
    G     = mean over the batch of e * f     f: r, the drive over threshold in Q12, or its sign alone; Q20 within +-2^29
    scale = largest root of the mean square of G over a layer so far, Q22 in 32 bits
    x    += rate * share * G / scale         the code less 128, Q24 in 32 bits; rate at most 128 codes; share Q15

A code takes the sum of G / scale, Q15, of the neurons that it feeds, within +-2^30. The layer-wise scale only makes one
rate fit every layer and network; a running *maximum* lets the moves shrink as the error does, which a running mean
would not. 4 bytes per code and 8 per layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from nt_hil.chip import Dither
from nt_host.rules.base import (
    ByteArray,
    Observation,
    Remembering,
    RuleEntry,
    register,
    require_code_rate,
    require_positive,
)
from nt_host.rules.code_position import codes_at, position_q24, positions_q24
from nt_host.rules.descent_settings import PacedSettings
from nt_host.rules.exact import ONE_Q15, Int64Array, divided, root_mean_square, saturated, shifted
from nt_host.rules.integer_estimate import (
    IntegerLayer,
    drives_of,
    errors_down,
    gains_q12,
    gated,
    integer_layers,
    layer_events,
    slope_of_one,
    sum_of,
    window_slope,
)
from nt_host.rules.normalised_descent import whole_rate_q24
from nt_model.image import Image

PRODUCT_TO_Q20 = 7
GRADIENT_BITS = 29
ROOT_BITS = 2
RATIO_SHIFT = 17
DIRECTION_BITS = 30


@dataclass(frozen=True)
class PlainErrorSettings(PacedSettings):
    """Settings of the rules `nt1`, `nt2` and `additive`.

    Attributes:
        rate_code: first RMS move of a layer's codes per update.
        window: half width of the surrogate window, in thresholds (`nt2` and `additive`).
    """

    rate_code: float = 4.0
    window: float = 0.67

    def __post_init__(self) -> None:
        super().__post_init__()
        require_code_rate(self.rate_code)
        require_positive(window=self.window)


@dataclass(frozen=True)
class PlainErrorKind:
    """What tells the rules apart: `gated`: errors pass the surrogate window; `multiplies`: G has the factor r."""

    name: str
    gated: bool
    multiplies: bool


class PlainErrorRule(Remembering):
    """State: the codes before rounding, the largest RMS of G of every layer, and the update count."""

    remembers: ClassVar[tuple[str, ...]] = ("position_q24", "scale_q22", "count")
    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, kind: PlainErrorKind, image: Image, codes: ByteArray, settings: PlainErrorSettings) -> None:
        self.name = kind.name
        self._kind = kind
        self._image = image
        self._settings = settings
        self._rate_q24 = whole_rate_q24(settings.rate_code)
        self._layers = integer_layers(image)
        self._slope = window_slope(settings.window) if kind.gated else slope_of_one
        self._position_q24 = positions_q24(codes).astype(np.int32)
        self._scale_q22 = np.zeros(len(image.layers), np.int64)
        self._count = np.zeros(1, np.int64)

    def update(self, observation: Observation) -> ByteArray:
        """One descent step on the batch; see ``Rule.update``."""
        self._count += 1
        rate = self._rate_q24 * self._settings.share_q15(int(self._count[0])) // ONE_Q15
        moved = self._position_q24 + shifted(rate * self._direction(observation), 15)
        low, high = position_q24(self._settings.code_min), position_q24(self._settings.code_max)
        self._position_q24 = np.clip(moved, low, high).astype(np.int32)
        return codes_at(self._position_q24.astype(np.int64))

    def _direction(self, observation: Observation) -> Int64Array:
        """G per code over the largest RMS of its layer so far, (n_codes,) Q15."""
        gain = gains_q12(self._image, observation.codes)
        drives = drives_of(self._layers, layer_events(observation), gain)
        error = self._output_error(observation, sum_of(drives[-1]))
        total = np.zeros(self._image.n_codes, np.int64)
        down = errors_down(self._layers, drives, error, gain, self._slope)
        for index, (layer, driven, wrong) in zip(reversed(range(len(self._layers))), down, strict=True):
            parts = self._gradients(layer, driven, wrong)
            # The inhibitory part counts too: with it alone at work, a scale of 0 would throw codes to their limits.
            self._scale_q22[index] = max(
                int(self._scale_q22[index]), root_mean_square(np.concatenate(parts), ROOT_BITS)
            )
            for part, gradient in zip(layer.parts, parts, strict=True):
                np.add.at(total, part.code, divided(gradient << RATIO_SHIFT, max(1, int(self._scale_q22[index]))))
        return saturated(total, DIRECTION_BITS)

    def _output_error(self, observation: Observation, ratio: Int64Array) -> Int64Array:
        steps = self._image.n_steps
        target = self._image.readout_class[None, :] == observation.labels[:, None]
        missing = np.where(target, steps, 0) - observation.plain[-1].astype(np.int64)
        return gated(divided(missing << 15, steps), self._slope(ratio))

    def _gradients(self, layer: IntegerLayer, driven: tuple[Int64Array, ...], wrong: Int64Array) -> list[Int64Array]:
        """G of the neurons' parts, (N,) Q20 each."""
        if self._kind.multiplies:
            totals = [(wrong * ratio).sum(axis=0) for ratio in driven]
        else:
            summed = wrong.sum(axis=0) << 12
            # What lowers the drive has a negative sign; a neuron with one code has no second part.
            totals = [summed, *(np.where(part.code != layer.parts[0].code, -summed, 0) for part in layer.parts[1:])]
        batch = max(1, len(wrong))
        return [saturated(divided(total, batch << PRODUCT_TO_Q20), GRADIENT_BITS) for total in totals]


def register_kind(kind: PlainErrorKind, summary: str) -> None:
    """Make the rule of ``kind`` known."""
    register(RuleEntry(kind.name, summary, PlainErrorSettings, partial(PlainErrorRule, kind)))
