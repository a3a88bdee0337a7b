"""One obvious function per equation of the array, in integer NumPy (docs/spec.md, section 1).

Batched over samples: `B` samples, `M` inputs, `N` neurons of a layer, `T` time steps. Written to be read beside
the equations; `nt_model.core` binds the C core that computes the same integers faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.image import Image, Layer
from nt_model.operating import LayerOperating, Operating
from nt_model.random import triangle_noise_q8

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
ByteArray = NDArray[np.uint8]


def saturate_int32(value: Int64Array) -> Int64Array:
    """Clamp int64 `value` to the int32 range; the dtype stays int64."""
    return np.clip(value, INT32_MIN, INT32_MAX)


def excitatory_sum(layer: Layer, x: ByteArray) -> Int64Array:
    """I_exc, weight LSB, (B, N): positive weights times events plus positive biases, exact."""
    weight = np.maximum(layer.weight, 0).astype(np.int64)
    return x.astype(np.int64) @ weight.T + np.maximum(layer.bias, 0).astype(np.int64)


def inhibitory_sum(layer: Layer, x: ByteArray) -> Int64Array:
    """I_inh, weight LSB, (B, N), never positive: negative weights times events plus negative biases, exact."""
    weight = np.minimum(layer.weight, 0).astype(np.int64)
    return x.astype(np.int64) @ weight.T + np.minimum(layer.bias, 0).astype(np.int64)


def drive_q8(sum_exc: Int64Array, sum_inh: Int64Array, gain_q12: NDArray[np.uint16]) -> Int64Array:
    """D, Q23.8, saturated to int32: (I_exc * gain[exc] + I_inh * gain[inh]) >> 4.

    With one domain per neuron both gains are equal and this is (I * gain) >> 4.

    Args:
        sum_exc: (B, N) int64, weight LSB.
        sum_inh: (B, N) int64, weight LSB, <= 0.
        gain_q12: (N, 2) uint16, Q4.12, gain of the excitatory and of the inhibitory part.
    """
    gain = gain_q12.astype(np.int64)
    return saturate_int32((sum_exc * gain[:, 0] + sum_inh * gain[:, 1]) >> 4)


def leaked_q8(membrane_q8: Int64Array, leak_q16: NDArray[np.uint32]) -> Int64Array:
    """V minus its leak, Q23.8. `leak_q16` is 65536 >> leak on an ideal chip, where this is V - (V >> leak)."""
    return membrane_q8 - ((membrane_q8 * leak_q16.astype(np.int64)) >> 16)


@dataclass
class MembraneState:
    """One layer between time steps: `membrane_q8` (B, N) int64 in int32 range; `hold` (B, N) steps to ignore."""

    membrane_q8: Int64Array
    hold: Int64Array

    @classmethod
    def at_rest(cls, batch: int, neurons: int) -> MembraneState:
        return cls(np.zeros((batch, neurons), np.int64), np.zeros((batch, neurons), np.int64))


@dataclass(frozen=True)
class StepResult:
    """`spikes` (B, N) uint8 0/1; `compared_q8` (B, N) int32: the membrane that was held against the threshold."""

    spikes: ByteArray
    compared_q8: Int32Array


def step_layer(
    layer: Layer, operating: LayerOperating, state: MembraneState, drive: Int64Array, noise_q8: Int64Array
) -> StepResult:
    """Advance one layer by one time step, in place on `state`.

    V = sat(V - leak(V) + D); spike = V >= theta; a spiking neuron is reset to 0 and is silent, ignoring its input,
    for `refractory` further steps. Dead neurons never spike, stuck ones spike at every step.
    """
    held = state.hold > 0
    gated = np.where(held, 0, drive)
    membrane = saturate_int32(leaked_q8(state.membrane_q8, operating.leak_q16) + gated)
    compared = saturate_int32(membrane + noise_q8)
    spike = (compared >= operating.threshold_q8.astype(np.int64)) & ~held
    spike = np.where(operating.fault == 0, spike, operating.fault > 0)
    state.membrane_q8 = np.where(spike, 0, membrane)
    state.hold = np.where(spike, layer.refractory, np.maximum(state.hold - 1, 0))
    return StepResult(spike.astype(np.uint8), compared.astype(np.int32))


@dataclass(frozen=True)
class LayerResponse:
    """What one layer did for B samples over T steps.

    Attributes:
        raster: (B, T, N) uint8, 0/1.
        membrane_q8: (B, N) int32, membrane after the last step (0 where it spiked in that step).
        compared_q8: (B, N) int32, membrane that the comparator saw in the last step, noise included.
    """

    raster: ByteArray
    membrane_q8: Int32Array
    compared_q8: Int32Array

    @property
    def counts(self) -> ByteArray:
        """(B, N) uint8: spikes of each neuron over the T <= 255 steps."""
        return self.raster.sum(axis=1, dtype=np.uint16).astype(np.uint8)


def run_layer(
    layer: Layer, operating: LayerOperating, events: ByteArray, noise_step: Int64Array, layer_index: int
) -> LayerResponse:
    """Run one layer over `events` (B, T, M) uint8 from rest.

    Args:
        noise_step: (B,) int64: number of the chip's first time step of each sample; temporal noise is a function
            of (chip seed, step, layer, neuron), so a repeated read draws anew and a replayed run draws the same.
    """
    batch, steps, _ = events.shape
    state = MembraneState.at_rest(batch, layer.n_neurons)
    raster = np.zeros((batch, steps, layer.n_neurons), np.uint8)
    compared = np.zeros((batch, layer.n_neurons), np.int32)
    for t in range(steps):
        x = events[:, t]
        drive = drive_q8(excitatory_sum(layer, x), inhibitory_sum(layer, x), operating.gain_q12)
        noise = triangle_noise_q8(operating.noise_seed, noise_step + t, layer_index, operating.noise_q8)
        result = step_layer(layer, operating, state, drive, noise)
        raster[:, t] = result.spikes
        compared = result.compared_q8
    return LayerResponse(raster, state.membrane_q8.astype(np.int32), compared)


def run(image: Image, operating: Operating, x: ByteArray, first_step: int = 0) -> tuple[LayerResponse, ...]:
    """Forward pass of the whole image; layer l sees the spikes of layer l - 1 of the same time step.

    Args:
        x: (B, T, M) uint8 events on the chip's inputs.
        first_step: chip's time-step counter before the first sample; sample b starts at first_step + b * T.

    Returns:
        One LayerResponse per layer, in order.
    """
    batch, steps, _ = x.shape
    noise_step = first_step + np.arange(batch, dtype=np.int64) * steps
    responses = []
    events = x
    for index, (layer, layer_operating) in enumerate(zip(image.layers, operating.layers, strict=True)):
        response = run_layer(layer, layer_operating, events, noise_step, index)
        responses.append(response)
        events = response.raster
    return tuple(responses)


def run_dithered(
    image: Image, operating: Operating, other: Operating, x: ByteArray, first_step: int = 0
) -> tuple[ByteArray, ...]:
    """Spike counts of every layer at the codes of `other`, each layer fed by the spikes that it gets at `operating`.

    This is the dithered read-out: layer by layer the domains move to code + d (or code - d), the comparators are
    read, and the spikes at the unmoved codes go on to the next layer.

    Returns:
        One (B, N) uint8 array of spike counts per layer.
    """
    batch, steps, _ = x.shape
    noise_step = first_step + np.arange(batch, dtype=np.int64) * steps
    inputs = [x, *(response.raster for response in run(image, operating, x, first_step)[:-1])]
    return tuple(
        run_layer(layer, layer_other, events, noise_step, index).counts
        for index, (layer, layer_other, events) in enumerate(zip(image.layers, other.layers, inputs, strict=True))
    )
