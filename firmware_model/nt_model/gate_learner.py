"""Learning steps of rule `dmn` from gates, the bits that a step looks at: what an engine binds a rule's state to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes, unpacked_gates

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
Learn = Callable[[LearnState, Spikes, Int64Array, LearnSettings], LearnState]


class GateLearner(Protocol):
    """Where learning stands, and its next step.

    Attributes:
        state: after the last step; the learner may go on writing into its arrays.
    """

    state: LearnState

    def step(self, codes: ByteArray, gates: bytes, labels: Int64Array, rate_q8: int) -> ByteArray:
        """One step on a batch that was presented at `codes` (n_codes,) uint8; gives the new codes.

        Args:
            gates: `learn.packed_gates` of the B samples, one after the other.
            labels: (B,) int64.
            rate_q8: 1..32767, in place of that of the settings.

        Raises:
            UsageError: the gates are not those of B samples.
        """
        ...


class PlainGateLearner:
    """A `GateLearner` by the call `learn` of any engine."""

    def __init__(self, image: Image, learn: Learn, state: LearnState, settings: LearnSettings) -> None:
        self.state = state
        self._image = image
        self._learn = learn
        self._settings = settings

    def step(self, codes: ByteArray, gates: bytes, labels: Int64Array, rate_q8: int) -> ByteArray:
        """See `GateLearner.step`."""
        widths = [layer.n_neurons for layer in self._image.layers]
        neurons, outputs = sum(widths), widths[-1]
        size = -(-neurons // 8) + -(-outputs // 8)
        if len(gates) != len(labels) * size:
            raise UsageError("gates and labels do not fit", evidence=f"{len(gates)} bytes, {len(labels)} labels")
        planes = unpacked_gates(np.frombuffer(gates, np.uint8).reshape(-1, size), neurons, outputs)
        edges = np.cumsum(widths)[:-1]
        plus, minus = (tuple(np.split(plane, edges, axis=1)) for plane in planes)
        present = LearnState(codes, self.state.accumulator_q8, self.state.mean_q8)
        self.state = self._learn(present, Spikes((), plus, minus), labels, replace(self._settings, rate_q8=rate_q8))
        return self.state.codes.copy()
