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

from nt_host.rules.exact import LOG2_E, ExactProduct, Int64Array, log2_q24
from nt_host.rules.integer_estimate import UNIT_GAIN_LOG_Q24, nearest_codes
from nt_model.image import Image

GAIN_OVER_Q8 = 16
"""A threshold in Q23.8 times this, over a weight, is a gain in Q4.12."""
ONE_Q24 = 1 << 24
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SwitchBoard:
    """All K switches of an image's last layer.

    Attributes:
        neuron: (K,) int64, place in the last layer.
        code: (K,) int64, index of its code, which no other neuron has.
        source: (K,) int64, the input that it reads.
        sign: (K,) int64, 1 voting, -1 vetoing.
        least_gain_q12: (K,) int64, lowest gain at which it is active: g* in Q4.12, rounded up.
        log_turn_q24: (K,) int64, binary logarithm of g* * 4096, Q24.
        cell: (K,) int64, class * inputs + source.
        shape: (classes, inputs).
    """

    neuron: Int64Array
    code: Int64Array
    source: Int64Array
    sign: Int64Array
    least_gain_q12: Int64Array
    log_turn_q24: Int64Array
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
        size = np.abs(weight[neuron])
        turn = GAIN_OVER_Q8 * np.abs(layer.threshold_q8[neuron].astype(np.int64))
        log_turn = log2_q24(turn) - log2_q24(size)
        cell = image.readout_class[neuron].astype(np.int64) * layer.n_inputs + source
        shape = (image.n_classes, layer.n_inputs)
        sign = np.sign(weight[neuron])
        return cls(neuron, domain[neuron, 0], source, sign, -(-turn // size), log_turn, cell, shape)

    def readout(self, active: BoolArray) -> Int64Array:
        """Weights (classes, inputs) of the linear readout that the states ``active`` (K,) amount to."""
        weights = np.zeros(self.shape[0] * self.shape[1], np.int64)
        np.add.at(weights, self.cell, self.sign * active)
        return weights.reshape(self.shape)

    def gradient(self, error: Int64Array, spikes: NDArray[np.integer], limit: int) -> Int64Array:
        """Derivative (K,) by each state of a loss whose derivative by the class's votes is ``error`` (B, classes), for
        input ``spikes`` (B, inputs), each at most ``limit``."""
        by_cell = ExactProduct(error, limit)(spikes.T).T
        return self.sign * by_cell.reshape(-1)[self.cell]


def turned_codes(
    board: SwitchBoard, table_q24: Int64Array, swing: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Codes (K,) that turn each switch off and on, nominally: ``swing`` of log gain (natural) below and above g*."""
    distance = round(swing * LOG2_E * ONE_Q24)
    turn = board.log_turn_q24 - UNIT_GAIN_LOG_Q24
    return nearest_codes(turn - distance, table_q24), nearest_codes(turn + distance, table_q24)


def _codes_of(domain: NDArray[np.uint16]) -> Int64Array:
    """Code indices in use, each neuron once per code: (n,) int64."""
    first, second = domain[:, 0].astype(np.int64), domain[:, 1].astype(np.int64)
    return np.concatenate([first, second[first != second]])
