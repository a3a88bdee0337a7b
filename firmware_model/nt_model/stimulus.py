"""Stimulus: one layer driven alone with given events, as the bench does it to measure a chip (docs/spec.md, 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.array import MembraneState, drive_q8, step_layer
from nt_model.image import Layer
from nt_model.operating import LayerOperating
from nt_model.random import triangle_noise_q8

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Events for one layer, the same in every time step; inputs that are not named are silent.

    Attributes:
        layer: index of the layer, 0 the first.
        inputs: (E,) int64, inputs of the layer, ascending.
        events: (E,) uint8, events on each of them per time step.
        n_steps: time steps of one repeat, from rest.
        n_repeats: repeats; n_steps * n_repeats <= 255, so that a count fits a byte.

    Raises:
        ValueError: shapes differ, inputs do not ascend, or steps and repeats lie outside their range.
    """

    layer: int
    inputs: Int64Array
    events: NDArray[np.uint8]
    n_steps: int = 1
    n_repeats: int = 1

    def __post_init__(self) -> None:
        if self.inputs.shape != self.events.shape or self.inputs.ndim != 1:
            raise ValueError(f"{self.inputs.shape} inputs, {self.events.shape} events")
        if len(self.inputs) and (int(self.inputs[0]) < 0 or bool((np.diff(self.inputs) <= 0).any())):
            raise ValueError("the inputs of a stimulus do not ascend")
        if self.n_steps < 1 or self.n_repeats < 1 or self.n_steps * self.n_repeats > 255:
            raise ValueError(f"{self.n_steps} steps times {self.n_repeats} repeats is not within 1..255")

    def sums(self, layer: Layer) -> tuple[Int64Array, Int64Array]:
        """I_exc and I_inh of every neuron of `layer`, weight LSB, both (N,) int64, biases included."""
        weight = layer.weight[:, self.inputs].astype(np.int64)
        bias = layer.bias.astype(np.int64)
        events = self.events.astype(np.int64)
        return (
            np.maximum(weight, 0) @ events + np.maximum(bias, 0),
            np.minimum(weight, 0) @ events + np.minimum(bias, 0),
        )


def stimulate(layer: Layer, operating: LayerOperating, stimulus: Stimulus, first_step: int = 0) -> NDArray[np.uint8]:
    """Spikes of each neuron over all steps of all repeats, (N,) uint8.

    Args:
        first_step: the chip's time-step counter before the first repeat; repeat r starts at first_step + r * n_steps.
    """
    sum_exc, sum_inh = stimulus.sums(layer)
    drive = drive_q8(sum_exc[None], sum_inh[None], operating.gain_q12)
    repeats = stimulus.n_repeats
    noise_step = first_step + np.arange(repeats, dtype=np.int64) * stimulus.n_steps
    state = MembraneState.at_rest(repeats, layer.n_neurons)
    spikes = np.zeros(layer.n_neurons, np.int64)
    for t in range(stimulus.n_steps):
        noise = triangle_noise_q8(operating.noise_seed, noise_step + t, stimulus.layer, operating.noise_q8)
        spikes += step_layer(layer, operating, state, drive, noise).spikes.sum(axis=0, dtype=np.int64)
    return spikes.astype(np.uint8)
