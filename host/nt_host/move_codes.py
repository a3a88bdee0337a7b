"""Bring a chip to given codes within its slew limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip
from nt_host.power.budget import BudgetedChip
from nt_model.errors import SafetyError

NO_LIMIT = 255
"""Slew limit of a chip whose codes may move as far as they like in one write."""


def move_codes(chip: Chip, codes: NDArray[np.uint8]) -> int:
    """Write `codes` (n_codes,) uint8 in as few writes as the slew limit allows; gives the number of writes.

    Raises:
        SafetyError: a code lies outside the chip's range; nothing was written.
    """
    info = chip.info
    outside = (codes < info.code_min) | (codes > info.code_max)
    if outside.any():
        place = int(np.argmax(outside))
        raise SafetyError(
            f"a code lies outside the chip's range {info.code_min}..{info.code_max}",
            evidence=f"code {int(codes[place])} of domain {place}",
            next_step="see the range with `nt-host info`",
        )
    return move_from(chip, chip.read_codes()[0], codes)


def move_from(chip: Chip, present: NDArray[np.uint8], codes: NDArray[np.uint8]) -> int:
    """As `move_codes`, from codes `present` that the caller knows to be on the chip; the device itself refuses codes
    out of range."""
    limit = chip.info.max_move_code
    if limit == NO_LIMIT and not isinstance(chip, BudgetedChip):
        if np.array_equal(present, codes):
            return 0
        chip.write_codes(codes.astype(np.uint8))
        return 1
    now, goal = present.astype(np.int64), codes.astype(np.int64)
    writes = 0
    if isinstance(chip, BudgetedChip):
        for step in chip.falling(present, codes):
            chip.write_codes(step)
            now = step.astype(np.int64)
            writes += 1
    while (now != goal).any():
        now = now + np.clip(goal - now, -limit, limit)
        chip.write_codes(now.astype(np.uint8))
        writes += 1
    return writes
