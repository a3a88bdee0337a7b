"""Operating points of a simulated die, remembered: every update asks for three, and most of their work repeats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_model.operating import Operating
from nt_model.silicon import Conditions, Silicon

ByteArray = NDArray[np.uint8]
TABLE_AFTER = 64
"""Points computed one by one before a table of all 256 codes is made: a table costs as much as 256 points."""
KEPT = 8


class OperatingPoints:
    """`at` gives what `Silicon.operating` gives, from a table once the conditions have stayed for a while."""

    def __init__(self, silicon: Silicon) -> None:
        self._silicon = silicon
        self._conditions = Conditions()
        self._kept: dict[bytes, Operating] = {}
        self._computed = 0
        self._table: tuple[NDArray[np.uint16], ...] = ()
        self._sample: Operating | None = None

    def at(self, codes: ByteArray, conditions: Conditions) -> Operating:
        """Operating point at `codes` (n_codes,) uint8 under `conditions`."""
        if conditions != self._conditions:
            self._conditions = conditions
            self._kept.clear()
            self._computed = 0
            self._table = ()
        key = codes.tobytes()
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = self._point(codes)
        return self._kept[key]

    def _point(self, codes: ByteArray) -> Operating:
        if self._computed < TABLE_AFTER:
            self._computed += 1
            return self._silicon.operating(codes, self._conditions)
        if not self._table:
            self._make_table(len(codes))
        assert self._sample is not None
        layers = []
        for layer, sample, table in zip(self._silicon.image.layers, self._sample.layers, self._table, strict=True):
            neuron = np.arange(layer.n_neurons)[:, None]
            layers.append(replace(sample, gain_q12=table[codes[layer.domain], neuron, np.arange(2)[None, :]]))
        return Operating(tuple(layers))

    def _make_table(self, n_codes: int) -> None:
        """Gain of every part of every neuron at every code, one (256, N, 2) uint16 per layer."""
        points = [self._silicon.operating(np.full(n_codes, code, np.uint8), self._conditions) for code in range(256)]
        self._sample = points[0]
        self._table = tuple(
            np.stack([point.layers[index].gain_q12 for point in points]) for index in range(len(points[0].layers))
        )
