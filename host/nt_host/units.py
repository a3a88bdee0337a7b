"""What the codes of a chip mean: codes of its own DACs, or calibrated codes that mean the same gain on every chip."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip

CALIBRATED, RAW = "calibrated", "raw"


@dataclass(frozen=True)
class CodeUnits:
    """`units` is "calibrated" or "raw"; `corrections` names the corrections behind calibrated codes: the first 16
    hexadecimal digits of the SHA-256 of all of them, empty for raw codes."""

    units: str = RAW
    corrections: str = ""

    @property
    def calibrated(self) -> bool:
        return self.units == CALIBRATED


RAW_CODES = CodeUnits()


def corrections_name(packed: NDArray[np.uint32]) -> str:
    """Name of corrections (C,) uint32, 16 hexadecimal digits."""
    return hashlib.sha256(packed.astype("<u4").tobytes()).hexdigest()[:16]


def units_of(chip: Chip) -> CodeUnits:
    """Units of the codes of `chip`: calibrated where it holds any correction."""
    if not chip.info.capabilities & Capability.CORRECTIONS:
        return RAW_CODES
    packed = chip.read_corrections()
    return CodeUnits(CALIBRATED, corrections_name(packed)) if packed.any() else RAW_CODES
