"""What the three baseline rules share: plain error, backward pass, layer-wise scale, falling rate.

    e_out = target - output                     output = spikes per time step, 0..1
    e_low = W^T e_high * gate                   gate: 1, or the surrogate window
    G     = sum over the batch of e * factor    factor: r, the drive over threshold, or its sign alone
    code += rate * G / (largest RMS of G over this layer so far)

The layer-wise scale only makes one rate fit every layer and network; a running *maximum* lets the moves shrink as
the error does, which a running mean would not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import (
    ByteArray,
    Observation,
    RuleState,
    require_code_range,
    require_positive,
    require_share,
    taken,
)
from nt_host.rules.estimate import (
    FloatArray,
    drives,
    float_layers,
    gain_parts,
    layer_inputs,
    nominal_log_gain,
    per_code,
    window_gate,
)
from nt_model.image import Image

TINY = 1e-12


@dataclass(frozen=True)
class PlainErrorSettings:
    """Settings of the rules `nt1`, `nt2` and `additive`.

    Attributes:
        steps: updates over which the rate falls by equal factors; later updates run at the last rate.
        rate_code: first RMS move of a layer's codes per update.
        end_share: last rate as a share of the first.
        window: half width of the surrogate window, in thresholds (`nt2` and `additive`).
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
    """

    steps: int = 300
    rate_code: float = 4.0
    end_share: float = 0.05
    window: float = 0.67
    code_min: int = 0
    code_max: int = 255

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, rate_code=self.rate_code, window=self.window)
        require_share(end_share=self.end_share)
        require_code_range(self.code_min, self.code_max)


@dataclass(frozen=True)
class PlainErrorKind:
    """What tells the rules apart: `gated`: errors pass the surrogate window; `multiplies`: G has the factor r."""

    name: str
    gated: bool
    multiplies: bool


class PlainErrorRule:
    """State: the codes before rounding, the largest RMS of G of every layer, and the update count."""

    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, kind: PlainErrorKind, image: Image, codes: ByteArray, settings: PlainErrorSettings) -> None:
        self.name = kind.name
        self._kind = kind
        self._image = image
        self._settings = settings
        self._layers = float_layers(image)
        self._table = nominal_log_gain(image)
        self._position = codes.astype(np.float64)
        self._scale = np.zeros(len(image.layers), np.float64)
        self._count = np.zeros(1, np.int64)

    def update(self, observation: Observation) -> ByteArray:
        """One descent step on the batch; see ``Rule.update``."""
        settings = self._settings
        progress = min(int(self._count[0]) / max(1, settings.steps - 1), 1.0)
        rate = settings.rate_code * settings.end_share**progress
        moved = self._position + rate * self._direction(observation)
        self._position = np.clip(moved, settings.code_min, settings.code_max)
        self._count += 1
        return np.rint(self._position).astype(np.uint8)

    def _direction(self, observation: Observation) -> NDArray[np.float64]:
        """G per code over the largest RMS of its layer so far, (n_codes,)."""
        gain = np.exp(self._table[observation.codes]).astype(np.float32)
        estimated = drives(self._layers, layer_inputs(self._image, observation), gain)
        target = self._image.readout_class[None, :] == observation.labels[:, None]
        output = observation.plain[-1].astype(np.float32) / np.float32(self._image.n_steps)
        error: FloatArray = target.astype(np.float32) - output
        if self._kind.gated:
            error = error * window_gate(estimated[-1].total, self._settings.window)
        total = np.zeros(self._image.n_codes, np.float64)
        for index in range(len(self._layers) - 1, -1, -1):
            total += self._scaled(index, self._parts(error, estimated[index], index))
            if index > 0:
                error = self._layers[index].back(error, gain)
                if self._kind.gated:
                    error = error * window_gate(estimated[index - 1].total, self._settings.window)
        return total

    def _parts(self, error: FloatArray, drive: Any, index: int) -> tuple[FloatArray, FloatArray | None]:
        if self._kind.multiplies:
            return gain_parts(error, drive)
        summed: FloatArray = error.sum(axis=0)
        if drive.inhibitory is None:
            return summed, None
        domain = self._layers[index].domain
        return summed, np.where(domain[:, 0] != domain[:, 1], -summed, np.float32(0))

    def _scaled(self, index: int, parts: tuple[FloatArray, FloatArray | None]) -> NDArray[np.float64]:
        # The inhibitory parts count too: with them alone at work, a scale of 0 would throw codes to their limits.
        every = np.concatenate([part for part in parts if part is not None])
        rms = float(np.sqrt(np.mean(np.square(every, dtype=np.float64))))
        self._scale[index] = max(float(self._scale[index]), rms)
        layer_total = per_code(self._image.n_codes, (self._layers[index],), [parts])
        return layer_total / max(float(self._scale[index]), TINY)

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {"position": self._position.copy(), "scale": self._scale.copy(), "count": self._count.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        position = taken(state, "position", self._position)
        scale = taken(state, "scale", self._scale)
        self._count = taken(state, "count", self._count)
        self._position, self._scale = position, scale
