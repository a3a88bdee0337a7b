"""Switch neurons: output neurons that read one spike, so that a code turns the connection on or off.

At T = 1 and gain g the membrane is g w x_j of the one input j that has a synapse, x_j = 0 or 1:

- voting:  w > 0, theta > 0: spikes where x_j = 1 and g >= theta / w;
- vetoing: w < 0, theta < 0: spikes always, but where x_j = 1 and g > theta / w.

A switch is *active* where its gain is at or above g* = theta / w: it then adds x_j to the spikes of its class (voting)
or takes x_j from them (vetoing). A class with as many voting as vetoing switches thus has half its population plus a
sum of input spikes with weights -1, 0 and 1: a linear readout whose weights are the codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.image import Image

ONE_Q8 = 256.0
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SwitchBoard:
    """All K switches of an image's last layer.

    Attributes:
        neuron: (K,) int64, place in the last layer.
        code: (K,) int64, index of its code, which no other neuron has.
        source: (K,) int64, the input that it reads.
        sign: (K,) int64, 1 voting, -1 vetoing.
        log_turn: (K,) float64, natural logarithm of g*.
        cell: (K,) int64, class * inputs + source.
        shape: (classes, inputs).
    """

    neuron: Int64Array
    code: Int64Array
    source: Int64Array
    sign: Int64Array
    log_turn: NDArray[np.float64]
    cell: Int64Array
    shape: tuple[int, int]

    @classmethod
    def of(cls, image: Image) -> SwitchBoard:
        """Find the switches of ``image``: one synapse, no bias, a code of its own, theta of the sign of the weight."""
        layer = image.layers[-1]
        uses = np.bincount(np.concatenate([_codes_of(one.domain) for one in image.layers]), minlength=image.n_codes)
        weight = layer.weight.sum(axis=1, dtype=np.int64)
        domain = layer.domain.astype(np.int64)
        found = (np.count_nonzero(layer.weight, axis=1) == 1) & (layer.bias == 0)
        found &= (domain[:, 0] == domain[:, 1]) & (uses[domain[:, 0]] == 1)
        found &= np.sign(weight) == np.sign(layer.threshold_q8)
        neuron = np.flatnonzero(found).astype(np.int64)
        source = np.abs(layer.weight[neuron]).argmax(axis=1).astype(np.int64)
        turn = layer.threshold_q8[neuron] / (ONE_Q8 * weight[neuron])
        cell = image.readout_class[neuron].astype(np.int64) * layer.n_inputs + source
        shape = (image.n_classes, layer.n_inputs)
        return cls(neuron, domain[neuron, 0], source, np.sign(weight[neuron]), np.log(turn), cell, shape)

    def readout(self, active: BoolArray) -> FloatArray:
        """Weights (classes, inputs) of the linear readout that the states ``active`` (K,) amount to."""
        weights = np.bincount(self.cell, weights=self.sign * active, minlength=self.shape[0] * self.shape[1])
        return weights.reshape(self.shape).astype(np.float32)

    def gradient(self, error: FloatArray, spikes: FloatArray) -> NDArray[np.float64]:
        """Derivative (K,) by each state of a loss whose derivative by the class's votes is ``error`` (B, classes), for
        input ``spikes`` (B, inputs)."""
        by_cell: FloatArray = error.T @ spikes
        return np.asarray(self.sign * by_cell.reshape(-1)[self.cell], np.float64)


def _codes_of(domain: NDArray[np.uint16]) -> Int64Array:
    """Code indices in use, each neuron once per code: (n,) int64."""
    first, second = domain[:, 0].astype(np.int64), domain[:, 1].astype(np.int64)
    return np.concatenate([first, second[first != second]])
