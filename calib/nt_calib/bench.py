"""The bench: what a calibration asks of a chip, so that its algorithms can be tried on something that is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, Shot

ByteArray = NDArray[np.uint8]
SHOTS_PER_EXCHANGE = 32
"""So many are pipelined at a time; the bar moves after each."""


class Bench(Protocol):
    """Shoots, and counts what that has cost."""

    def shoot(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        """Spikes of each neuron of the layer driven, one (N,) uint8 per shot, in order."""
        ...


class ChipBench:
    """A chip behind the Chip interface."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    def shoot(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        answers: list[ByteArray] = []
        for begin in range(0, len(shots), SHOTS_PER_EXCHANGE):
            answers += self._chip.measure(shots[begin : begin + SHOTS_PER_EXCHANGE])
        return tuple(answers)


class CountedBench:
    """Another bench, with what was asked of it: `shots`, and `reads`, the repeats of all shots."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.shots = 0
        self.reads = 0

    def shoot(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        answers = self._bench.shoot(shots)
        self.shots += len(shots)
        self.reads += sum(shot.stimulus.n_repeats for shot in shots)
        return answers


def codes_put(chip: Chip, codes: ByteArray) -> None:
    """Write `codes` (n_codes,) uint8 in as many moves as the chip's slew limit asks for."""
    limit = chip.info.max_move_code
    present = chip.read_codes()[0].astype(np.int64)
    while (present != codes).any():
        present += np.clip(codes - present, -limit, limit)
        chip.write_codes(present.astype(np.uint8))
