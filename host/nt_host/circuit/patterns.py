"""Random patterns of synapses, supply and input spikes for one neuron, and what the golden model makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.array import run_layer
from nt_model.devices import DEVICES, Devices
from nt_model.gain import NOMINAL, ONE_Q12, current_q24, supply_uv
from nt_model.image import CODE_DEFAULT, Layer
from nt_model.operating import LayerOperating, nominal_leak_q16
from nt_model.weights import WEIGHT_MAX, PackedWeights

ONE_Q8 = 256
N_INPUTS = 4
N_STEPS = 20
EVENT_SHARE = (0.2, 0.9)
INHIBITORY_SHARE = 0.25
"""With as many inhibitory as excitatory synapses three of four neurons never spike, and agree trivially."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """One neuron and what it is shown.

    Attributes:
        weight: (M,) int8, -7..7.
        vdd_uv: supply of its domain, microvolt.
        train: (T, M) bool, events.
        delay: (T, M) float64, 0..1: how late in its step an event begins, as a share of the time that is left when
            event and spike must end within the step; 0 is what the model assumes.
    """

    weight: NDArray[np.int8]
    vdd_uv: int
    train: NDArray[np.bool_]
    delay: NDArray[np.float64]

    @classmethod
    def on_time(cls, weight: NDArray[np.int8], vdd_uv: int, train: NDArray[np.bool_]) -> Pattern:
        """All events at the beginning of their step."""
        return cls(weight, vdd_uv, train, np.zeros(train.shape))


def random_patterns(count: int, seed: int, scattered: bool = False) -> list[Pattern]:
    """`count` patterns: four weights of magnitude 1..7, one in four of them inhibitory, a code 0..255, twenty steps of
    events with a probability of the pattern's own between 0.2 and 0.9.

    Args:
        seed: the same one gives the same patterns.
        scattered: events begin anywhere in their step, not at its beginning.
    """
    rng = np.random.default_rng([seed, 0xC14C])
    patterns = []
    for _ in range(count):
        sign = np.where(rng.random(N_INPUTS) < INHIBITORY_SHARE, -1, 1)
        weight = (sign * rng.integers(1, WEIGHT_MAX + 1, N_INPUTS)).astype(np.int8)
        share = rng.uniform(*EVENT_SHARE)
        code = rng.integers(0, 256, 1)
        train = rng.random((N_STEPS, N_INPUTS)) < share
        delay = rng.random(train.shape) if scattered else np.zeros(train.shape)
        patterns.append(Pattern(weight, int(supply_uv(code)[0]), train, delay))
    return patterns


def threshold_q8(devices: Devices = DEVICES) -> int:
    """Threshold of the neuron as drawn in the units of the array, Q23.8."""
    return round(ONE_Q8 * devices.threshold_lsb)


def gain_q12(vdd_uv: int) -> int:
    """Gain at supply `vdd_uv`, Q4.12, rounded as the table of codes is."""
    at = np.array([vdd_uv, supply_uv(np.array([CODE_DEFAULT]))[0]], np.int64)
    own, anchor = current_q24(at, np.full(2, NOMINAL.vth_uv), np.full(2, NOMINAL.beta_rs_q16)).tolist()
    return int((own * ONE_Q12 + anchor // 2) // anchor)


def _layer(pattern: Pattern) -> Layer:
    return Layer(
        PackedWeights.of(pattern.weight[None, :]),
        np.zeros(1, np.int16),
        np.array([threshold_q8()], np.int32),
        np.zeros((1, 2), np.uint16),
        leak=DEVICES.neuron.leak_shift,
    )


@dataclass(frozen=True)
class ModelAnswer:
    """Golden model: `spikes` over the pattern, `lowest_v` membrane that it reaches in the circuit's volt, which lie
    below ground where the circuit's membrane cannot follow."""

    spikes: int
    lowest_v: float


def model_answer(pattern: Pattern) -> ModelAnswer:
    """Spike count of the golden model, and its lowest membrane."""
    layer = _layer(pattern)
    operating = LayerOperating(
        gain_q12=np.full((1, 2), gain_q12(pattern.vdd_uv), np.uint16),
        threshold_q8=layer.threshold_q8,
        leak_q16=np.full(1, nominal_leak_q16(layer.leak), np.uint32),
        noise_q8=np.zeros(1, np.uint16),
        noise_seed=0,
        fault=np.zeros(1, np.int8),
    )
    events = pattern.train.astype(np.uint8)[None]
    spikes = int(run_layer(layer, operating, events, np.zeros(1, np.int64), 0).raster.sum())
    lowest = min(
        int(run_layer(layer, operating, events[:, : t + 1], np.zeros(1, np.int64), 0).membrane_q8[0, 0])
        for t in range(len(pattern.train))
    )
    neuron = DEVICES.neuron
    return ModelAnswer(spikes, neuron.rest_mv * 1e-3 + neuron.swing_v * lowest / threshold_q8())


def model_answers(patterns: Sequence[Pattern]) -> list[ModelAnswer]:
    """`model_answer` of each."""
    return [model_answer(pattern) for pattern in patterns]
