"""Membranes that the host estimates from the image and the spikes it was shown.

Everything is relative to the threshold: a neuron's drive is r = (g_exc I_exc + g_inh I_inh) / theta, at the nominal
gains g of its codes, and it should spike for r >= 1. With T > 1 the events of a hidden layer are mean spike counts
per step, so r is the mean drive per step. Mismatch is not in r: on the `typical` corner it is off by some 10 %,
which a surrogate window half as wide as the threshold forgives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import Observation
from nt_model.image import Image, Layer

FloatArray = NDArray[np.float32]

ONE_Q8 = 256


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A layer's image values as the estimates use them: currents in units of the threshold.

    Attributes:
        excitatory: (N, M) float32, positive weights over theta; all weights where the neuron has one domain.
        inhibitory: (N, M) float32, negative weights over theta; None where no neuron of the layer is split.
        bias_exc, bias_inh: (N,) float32, the same split of the bias.
        domain: (N, 2) int64, codes of the two parts.
    """

    excitatory: FloatArray
    inhibitory: FloatArray | None
    bias_exc: FloatArray
    bias_inh: FloatArray
    domain: NDArray[np.int64]

    @classmethod
    def of(cls, layer: Layer) -> FloatLayer:
        """Scale ``layer`` by its thresholds; a threshold below 1 LSB counts as 1 LSB."""
        theta = np.maximum(layer.threshold_q8, ONE_Q8).astype(np.float32) / np.float32(ONE_Q8)
        weight = layer.weight.astype(np.float32) / theta[:, None]
        bias = layer.bias.astype(np.float32) / theta
        domain = layer.domain.astype(np.int64)
        split = domain[:, 0] != domain[:, 1]
        if not split.any():
            return cls(weight, None, bias, np.zeros_like(bias), domain)
        negative: FloatArray = np.where(split[:, None], np.minimum(weight, 0), 0).astype(np.float32)
        negative_bias: FloatArray = np.where(split, np.minimum(bias, 0), 0).astype(np.float32)
        return cls(weight - negative, negative, bias - negative_bias, negative_bias, domain)

    def back(self, error: FloatArray, gain: FloatArray) -> FloatArray:
        """Error (B, N) of the drives r carried to the layer's inputs, (B, M), at code gains ``gain`` (n_codes,)."""
        below: FloatArray = np.matmul(error * gain[self.domain[:, 0]], self.excitatory).astype(np.float32, copy=False)
        if self.inhibitory is not None:
            below += np.matmul(error * gain[self.domain[:, 1]], self.inhibitory).astype(np.float32, copy=False)
        return below


@dataclass(frozen=True, eq=False)
class Drive:
    """Estimated drive of one layer, in thresholds: the two parts with their gains in, each (B, N) float32."""

    excitatory: FloatArray
    inhibitory: FloatArray | None

    @property
    def total(self) -> FloatArray:
        """r, (B, N): spikes are expected for r >= 1."""
        return self.excitatory if self.inhibitory is None else self.excitatory + self.inhibitory


def float_layers(image: Image) -> tuple[FloatLayer, ...]:
    """All layers of ``image``, scaled for the estimates."""
    return tuple(FloatLayer.of(layer) for layer in image.layers)


def layer_inputs(image: Image, observation: Observation) -> list[FloatArray]:
    """Mean events per time step at the inputs of every layer, one (B, M) float32 per layer.

    Needs the hidden spikes of the observation.
    """
    per_step = np.float32(1.0 / image.n_steps)
    hidden = [counts.astype(np.float32) * per_step for counts in observation.plain[:-1]]
    return [observation.inputs.astype(np.float32), *hidden]


def drives(layers: tuple[FloatLayer, ...], inputs: list[FloatArray], gain: FloatArray) -> tuple[Drive, ...]:
    """Estimated drive of every layer with ``inputs`` from ``layer_inputs`` and code gains ``gain`` (n_codes,)."""
    found = []
    for layer, events in zip(layers, inputs, strict=True):
        excitatory = (events @ layer.excitatory.T + layer.bias_exc) * gain[layer.domain[:, 0]]
        inhibitory = None
        if layer.inhibitory is not None:
            inhibitory = (events @ layer.inhibitory.T + layer.bias_inh) * gain[layer.domain[:, 1]]
        found.append(Drive(excitatory, inhibitory))
    return tuple(found)


def nominal_log_gain(image: Image) -> NDArray[np.float64]:
    """Natural logarithm of the gain table, (256,) float64, 0 at code 128; a gain of 0 counts as half an LSB."""
    return np.log(np.maximum(image.gain.astype(np.float64), 0.5) / 4096.0)


def nearest_codes(log_gain: NDArray[np.floating], table: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Codes whose gain is nearest to ``log_gain`` (n_codes,), by interpolation in ``table`` (256,), uint8."""
    code = np.interp(log_gain, table, np.arange(table.size))
    nearest: NDArray[np.uint8] = np.clip(np.rint(code), 0, 255).astype(np.uint8)
    return nearest


def per_code(
    n_codes: int, layers: tuple[FloatLayer, ...], parts: list[tuple[NDArray[np.floating], NDArray[np.floating] | None]]
) -> NDArray[np.float64]:
    """Sum per-neuron gradients into their domains, (n_codes,) float64.

    ``parts`` has, per layer, the gradient (N,) of the excitatory and of the inhibitory part (None where no neuron of
    the layer is split): a domain shared by several neurons gets the sum of theirs.
    """
    total = np.zeros(n_codes, np.float64)
    for layer, (excitatory, inhibitory) in zip(layers, parts, strict=True):
        total += np.bincount(layer.domain[:, 0], weights=excitatory, minlength=n_codes)
        if inhibitory is not None:
            total += np.bincount(layer.domain[:, 1], weights=inhibitory, minlength=n_codes)
    return total


def gain_parts(error: FloatArray, drive: Drive) -> tuple[FloatArray, FloatArray | None]:
    """Gradients by the log gain of the excitatory and inhibitory part of each neuron, (N,), summed over the batch."""
    excitatory: FloatArray = (error * drive.excitatory).sum(axis=0)
    if drive.inhibitory is None:
        return excitatory, None
    return excitatory, (error * drive.inhibitory).sum(axis=0)


def window_gate(ratio: FloatArray, window: float) -> FloatArray:
    """Triangular surrogate derivative round r = 1, (B, N), of unit area."""
    gate: FloatArray = np.maximum(0, 1 - np.abs(ratio - 1) / window).astype(np.float32) / np.float32(window)
    return gate
