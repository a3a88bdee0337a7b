"""Operating point of an array: the integers that the codes and the silicon turn into for the equations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_model.image import Image, Layer


@dataclass(frozen=True, eq=False)
class LayerOperating:
    """What the equations of one layer of N neurons read.

    Attributes:
        gain_q12: (N, 2) uint16, Q4.12: gain of the excitatory and of the inhibitory part at the present codes.
        threshold_q8: (N,) int32, Q23.8.
        leak_q16: (N,) uint32, fraction of the membrane lost per step, 0..65536.
        noise_q8: (N,) uint16, Q8.8: standard deviation of the comparator's noise per read.
        noise_seed: uint64; the same seed repeats the same noise.
        fault: (N,) int8: 0 works, -1 never spikes (dead), 1 spikes at every step (stuck).
    """

    gain_q12: NDArray[np.uint16]
    threshold_q8: NDArray[np.int32]
    leak_q16: NDArray[np.uint32]
    noise_q8: NDArray[np.uint16]
    noise_seed: int
    fault: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Operating:
    """Operating point of the whole array, one entry per layer."""

    layers: tuple[LayerOperating, ...]


@dataclass(frozen=True, eq=False)
class GainTables:
    """Operating points of one die at all codes.

    Attributes:
        base: operating point at some codes; all points of the die differ from it in their gains alone.
        gain_q12: one (256, N, 2) uint16 Q4.12 per layer, gain of each part of each neuron at each code.
        domain: one (N, 2) uint16 per layer, power domain of each part.
    """

    base: Operating
    gain_q12: tuple[NDArray[np.uint16], ...]
    domain: tuple[NDArray[np.uint16], ...]

    def at(self, codes: NDArray[np.uint8]) -> Operating:
        """Operating point at `codes` (n_codes,) uint8."""
        layers = []
        for layer, table, domain in zip(self.base.layers, self.gain_q12, self.domain, strict=True):
            neuron = np.arange(len(domain))[:, None]
            layers.append(replace(layer, gain_q12=table[codes[domain], neuron, np.arange(2)[None, :]]))
        return Operating(tuple(layers))


def nominal_leak_q16(leak: int) -> int:
    """Lost fraction per step of an ideal neuron, Q16: 65536 >> leak, and 0 for leak = 0 (no leak)."""
    return 0 if leak == 0 else 65536 >> leak


def _ideal_layer(image: Image, layer: Layer, codes: NDArray[np.uint8]) -> LayerOperating:
    neurons = layer.n_neurons
    return LayerOperating(
        gain_q12=image.gain[codes[layer.domain]],
        threshold_q8=layer.threshold_q8,
        leak_q16=np.full(neurons, nominal_leak_q16(layer.leak), np.uint32),
        noise_q8=np.zeros(neurons, np.uint16),
        noise_seed=0,
        fault=np.zeros(neurons, np.int8),
    )


def ideal_operating(image: Image, codes: NDArray[np.uint8]) -> Operating:
    """Operating point of a chip without mismatch or noise at `codes` (n_codes,) uint8."""
    return Operating(tuple(_ideal_layer(image, layer, codes) for layer in image.layers))
