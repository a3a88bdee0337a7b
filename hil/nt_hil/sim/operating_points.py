"""Operating points of a simulated die, remembered: every update asks for three, and most of their work repeats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_model.operating import GainTables, Operating
from nt_model.silicon import Conditions, Silicon

ByteArray = NDArray[np.uint8]
KEPT = 8


class OperatingPoints:
    """What `Silicon.operating` and `Silicon.gain_tables` give, computed once for as long as the conditions stay."""

    def __init__(self, silicon: Silicon) -> None:
        self._silicon = silicon
        self._conditions = Conditions()
        self._kept: dict[bytes, Operating] = {}
        self._tables: GainTables | None = None

    def _under(self, conditions: Conditions) -> None:
        if conditions is self._conditions:
            return
        if conditions != self._conditions:
            self._kept.clear()
            self._tables = None
        self._conditions = conditions

    def at(self, codes: ByteArray, conditions: Conditions) -> Operating:
        """Operating point at `codes` (n_codes,) uint8 under `conditions`."""
        self._under(conditions)
        key = codes.tobytes()
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            computed = self._silicon.operating(codes, conditions) if self._tables is None else self._tables.at(codes)
            self._kept[key] = computed
        return self._kept[key]

    def known(self, codes: ByteArray, conditions: Conditions) -> GainTables | Operating | None:
        """What `tables` gives, else what `at` gives, where it was asked for under the same conditions before."""
        if conditions is not self._conditions:
            self._under(conditions)
        return self._kept.get(codes.tobytes()) if self._tables is None else self._tables

    def tables(self, conditions: Conditions) -> GainTables:
        """Operating points at all codes under `conditions`: they cost as much as some thirty points, and a learning
        loop asks for three per step."""
        self._under(conditions)
        if self._tables is None:
            self._tables = self._silicon.gain_tables(conditions)
        return self._tables
