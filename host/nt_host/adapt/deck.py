"""Labelled samples on the chip: streamed once where the chip has room for all of them, else batch by batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, Readout, Response

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


class Deck:
    """Samples `x` (n, M) or (n, T, M) uint8, addressed by row.

    Where n <= input_slots, they are loaded once and later calls send row numbers only.
    """

    def __init__(self, chip: Chip, x: ByteArray) -> None:
        self._chip = chip
        self._x = x
        self.resident = len(x) <= chip.info.input_slots
        if self.resident:
            chip.load_samples(x)

    def present(self, rows: Int64Array, readout: Readout) -> Response:
        """Forward pass of `rows` (B,)."""
        if self.resident:
            return self._chip.present_loaded(rows, readout)
        return self._chip.present(self._x[rows], readout)

    def present_at(self, codes: ByteArray, rows: Int64Array, readout: Readout) -> Response:
        """Forward pass of `rows` (B,) at `codes` (n_codes,) uint8, which stay on the chip."""
        return self._chip.write_and_present(codes, self.loaded_slots(rows), readout)

    def loaded_slots(self, rows: Int64Array) -> Int64Array:
        """Slots that hold `rows` after this call; loads them where the chip has no room for all samples."""
        if self.resident:
            return rows
        self._chip.load_samples(self._x[rows])
        return np.arange(len(rows), dtype=np.int64)

    def constant_events(self, rows: Int64Array) -> ByteArray:
        """Events per time step of `rows`, (B, M) uint8; for inputs that change over time their counts over T."""
        x = self._x[rows]
        return x if x.ndim == 2 else x.sum(axis=1, dtype=np.uint16).astype(np.uint8)
