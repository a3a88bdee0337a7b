"""Membranes that the host estimates from the image and the spikes it was shown, in whole numbers.

A neuron's drive r = (g_exc I_exc + g_inh I_inh) / theta is taken at the nominal gains g of its codes, and it should
spike for r >= 1. With T > 1 the events of a hidden layer are summed over the steps, and r is the mean drive per step.
Mismatch is not in r: on the `typical` corner it is off by some 10 %, which a window half as wide as the threshold
forgives.

    I      = sum over the T steps of the current, weight LSB: exact, |I| < 2^30
    k      = floor(gain_q12 2^s / theta_q8): gain over threshold; s, at most 46, so large that I k stays below 2^62
    r      = I k / T >> (s - 8), Q12, saturated to +-256 thresholds; r = 1 (4096): it should spike at every step
    e_low  = ((e k >> 16) @ W) >> 12 with s = 24, saturated to +-2^30: the error carried to the layer's inputs
    G      = sum over batch and neurons of e r / B, for the part of r that a code feeds: Q21, saturated to +-2^26

e is an error in Q15. Nothing here is rounded by a machine's own choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import Observation
from nt_host.rules.exact import ExactProduct, Int64Array, divided, log2_q24, saturated, shifted, widest_input
from nt_model.errors import UsageError
from nt_model.image import Image, Layer
from nt_model.weights import PackedWeights

ONE_Q8 = 256
UNIT_GAIN_LOG_Q24 = 12 << 24
BACK_BITS = 24
SCALED_BITS = 54
SCALE_BITS = 46
"""A gain of 16 bits, shifted by as many, keeps to 62."""
RATIO_BITS = 20
ERROR_BITS = 30
GRADIENT_BITS = 26
PRODUCT_TO_Q21 = 6
CURRENT_LIMIT = 1 << 30
BATCH_LIMIT = 1 << (62 - ERROR_BITS - RATIO_BITS)
"""Samples whose products e r, each below 2^50, might sum to 2^62, too much for a division with rounding."""
ONE_Q12 = 4096

Slope = Callable[[Int64Array], Int64Array]


@dataclass(frozen=True, eq=False)
class Part:
    """Excitatory or inhibitory half of a layer of N neurons with M inputs.

    Attributes:
        weight: (N, M) int64.
        bias: (N,) int64, summed over the T steps.
        current: ``weight`` as a product of inputs.
        code: (N,) int64, code that feeds it.
    """

    weight: Int64Array
    bias: Int64Array
    current: ExactProduct
    code: Int64Array

    @classmethod
    def of(cls, weight: Int64Array, bias: Int64Array, code: Int64Array, event_limit: int) -> Part:
        found = cls(weight, bias, ExactProduct(weight.T, event_limit), code)
        if found.worst >= CURRENT_LIMIT:
            raise UsageError(
                "a layer is too wide for an integer rule",
                evidence=f"a current could reach {found.worst} weight LSB, the limit is 2^30",
                next_step="choose `--rule dmn`, which sums signs, or make the layer narrower",
            )
        return found

    @property
    def worst(self) -> int:
        """Bound on the size of I."""
        return self.current.worst + int(np.abs(self.bias).max())

    @cached_property
    def widest(self) -> int:
        """Largest size of what ``carried`` takes."""
        return widest_input(self.weight)

    @cached_property
    def carried(self) -> ExactProduct:
        """``weight`` as a product of errors; deep layers alone need it."""
        return ExactProduct(self.weight, self.widest)


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A layer's image values: its one or two parts, thresholds (N,) Q8 of 1 LSB or more, the steps that its inputs are
    summed over, and how large they can be."""

    parts: tuple[Part, ...]
    theta_q8: Int64Array
    steps: int
    event_limit: int

    @classmethod
    def of(cls, layer: Layer, steps: int, event_limit: int) -> IntegerLayer:
        """``layer`` whose inputs are summed over ``steps``, each at most ``event_limit``."""
        theta = np.maximum(layer.threshold_q8.astype(np.int64), ONE_Q8)
        weight, bias = layer.weight.astype(np.int64), layer.bias.astype(np.int64) * steps
        domain = layer.domain.astype(np.int64)
        split = domain[:, 0] != domain[:, 1]
        if not split.any():
            return cls((Part.of(weight, bias, domain[:, 0], event_limit),), theta, steps, event_limit)
        below = np.where(split[:, None], np.minimum(weight, 0), 0)
        below_bias = np.where(split, np.minimum(bias, 0), 0)
        parts = (
            Part.of(weight - below, bias - below_bias, domain[:, 0], event_limit),
            Part.of(below, below_bias, domain[:, 1], event_limit),
        )
        return cls(parts, theta, steps, event_limit)

    def drive(self, inputs: NDArray[np.integer], gain: Int64Array) -> tuple[Int64Array, ...]:
        """r of each part, (B, N) Q12, for ``inputs`` (B, M) and the gains (n_codes,) Q4.12 of the codes."""
        found = []
        for part in self.parts:
            bits = min(SCALED_BITS - part.worst.bit_length(), SCALE_BITS)
            scale = (gain[part.code] << bits) // (self.theta_q8 * self.steps)
            driven = ((part.current(inputs) + part.bias) * scale) >> (bits - 8)
            found.append(saturated(driven, RATIO_BITS))
        return tuple(found)

    def back(self, error: Int64Array, gain: Int64Array) -> Int64Array:
        """Error (B, N) of r, Q15, carried to the inputs, (B, M)."""
        below = np.zeros((len(error), self.parts[0].weight.shape[1]), np.int64)
        for part in self.parts:
            scale = (gain[part.code] << BACK_BITS) // self.theta_q8
            below += part.carried(np.clip((error * scale) >> 16, -part.widest, part.widest))
        return saturated(shifted(below, 12), ERROR_BITS)


def integer_layers(image: Image) -> tuple[IntegerLayer, ...]:
    """All layers of ``image``: the first sees events per step, the others spikes summed over all steps."""
    steps = [1] + [image.n_steps] * (len(image.layers) - 1)
    limits = [255] + [image.n_steps] * (len(image.layers) - 1)
    return tuple(IntegerLayer.of(*each) for each in zip(image.layers, steps, limits, strict=True))


def layer_events(observation: Observation) -> tuple[NDArray[np.uint8], ...]:
    """What the inputs of every layer saw, (B, M) each, as `integer_layers` takes it; needs the hidden spikes.

    UsageError for a batch of ``BATCH_LIMIT`` samples or more: sums of e r over it might not fit.
    """
    if len(observation.labels) >= BATCH_LIMIT:
        raise UsageError(
            "a batch is too large for an integer rule",
            evidence=f"{len(observation.labels)} samples, the limit is {BATCH_LIMIT - 1}",
            next_step=f"--batch-size {BATCH_LIMIT // 2}",
        )
    return (observation.inputs, *observation.plain[:-1])


def drives_of(
    layers: tuple[IntegerLayer, ...], events: tuple[NDArray[np.integer], ...], gain: Int64Array
) -> tuple[tuple[Int64Array, ...], ...]:
    """r of the parts of each of ``layers``, (B, N) Q12, for its ``events`` (B, M) at the gains (n_codes,) Q4.12."""
    return tuple(layer.drive(each, gain) for layer, each in zip(layers, events, strict=True))


def gains_q12(image: Image, codes: NDArray[np.uint8]) -> Int64Array:
    """Nominal gains (n_codes,) at ``codes``, Q4.12."""
    gain: Int64Array = image.gain.astype(np.int64)[codes]
    return gain


def log_gain_table_q24(image: Image) -> Int64Array:
    """Binary logarithm of the gain table, (256,) Q24, 0 at code 128; a gain of 0 counts as half an LSB."""
    return log2_q24(np.maximum(2 * image.gain.astype(np.int64), 1)) - UNIT_GAIN_LOG_Q24 - (1 << 24)


def nearest_codes(log_gain_q24: Int64Array, table_q24: Int64Array) -> NDArray[np.uint8]:
    """Codes whose gain is nearest to ``log_gain_q24`` in the logarithm, uint8; the lowest where several share it."""
    between = (table_q24[:-1] + table_q24[1:]) >> 1
    return np.searchsorted(between, log_gain_q24, side="left").astype(np.uint8)


def window_slope(window: float) -> Slope:
    """Triangular derivative round r = 1 of unit area and half width ``window``: of r Q12, in Q12."""
    half = max(1, round(window * ONE_Q12))
    area = (1 << 48) // (half * half)
    return lambda ratio: (np.maximum(half - np.abs(ratio - ONE_Q12), 0) * area) >> 24


def slope_of_one(ratio: Int64Array) -> Int64Array:
    """Derivative of 1 everywhere, (B, N) Q12, in the place of ``window_slope``."""
    return np.full_like(ratio, ONE_Q12)


def errors_down(
    layers: tuple[IntegerLayer, ...],
    drives: tuple[tuple[Int64Array, ...], ...],
    error: Int64Array,
    gain: Int64Array,
    slope: Slope,
) -> Iterator[tuple[IntegerLayer, tuple[Int64Array, ...], Int64Array]]:
    """Every layer from the last to the first, with the r of its parts and the error (B, N) of its r; ``error`` is that
    of the last one."""
    for index in range(len(layers) - 1, -1, -1):
        yield layers[index], drives[index], error
        if index > 0:
            error = gated(layers[index].back(error, gain), slope(sum_of(drives[index - 1])))


def carried_down(
    layers: tuple[IntegerLayer, ...],
    drives: tuple[tuple[Int64Array, ...], ...],
    error: Int64Array,
    gain: Int64Array,
    slope: Slope,
) -> Int64Array:
    """Sums over the batch of e r per code, (n_codes,) Q27, for the ``error`` (B, N) of the last layer's r."""
    total = np.zeros(len(gain), np.int64)
    for layer, driven, wrong in errors_down(layers, drives, error, gain, slope):
        for part, ratio in zip(layer.parts, driven, strict=True):
            np.add.at(total, part.code, (wrong * ratio).sum(axis=0))
    return total


def sum_of(parts: tuple[Int64Array, ...]) -> Int64Array:
    """r of a layer from its parts."""
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def gated(error: Int64Array, slope_q12: Int64Array) -> Int64Array:
    """``error`` times ``slope_q12``, in the error's format."""
    return saturated(shifted(error * slope_q12, 12), ERROR_BITS)


def mean_gradient(total_q27: Int64Array, batch: int) -> Int64Array:
    """Mean over a batch of sums in Q27: Q21, saturated."""
    return saturated(divided(total_q27, max(1, batch) << PRODUCT_TO_Q21), GRADIENT_BITS)


def of_neurons(layer: Layer, kept: Int64Array) -> Layer:
    """``layer`` with the neurons ``kept`` alone."""
    return replace(
        layer,
        packed=PackedWeights.of(layer.weight[kept]),
        bias=layer.bias[kept],
        threshold_q8=layer.threshold_q8[kept],
        domain=layer.domain[kept],
    )
