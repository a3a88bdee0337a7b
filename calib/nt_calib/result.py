"""What a calibration gives: of each neuron what was found and how surely, and the corrections of the domains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_calib.options import Options
from nt_calib.verdict import Verdict
from nt_model.correction import Corrections

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerFindings:
    """Of the N neurons of one layer.

    Attributes:
        parameters: (N, 4) float64, see `law`: scale, shape, vth_shift in volt, bow in codes.
        parameter_sd: (N, 4) their standard deviations.
        noise: (N,) temporal noise of a read, relative to the neuron's nominal threshold.
        deviance: (N,) near 1 where the law explains the reads.
        verdict: (N,) int8, see `Verdict`.
        gain_sd_code: (N,) standard deviation of the gain at code 128, in codes.
        before: (N,) ln of the input-referred gain at code 128 before calibration, as fitted; 0 is nominal.
        after: (N,) the same as read back through the wire after calibration, nan where it was not read.
        after_sd: (N,) standard deviation of `after`.
    """

    parameters: FloatArray
    parameter_sd: FloatArray
    noise: FloatArray
    deviance: FloatArray
    verdict: NDArray[np.int8]
    gain_sd_code: FloatArray
    before: FloatArray
    after: FloatArray
    after_sd: FloatArray

    @property
    def success(self) -> NDArray[np.bool_]:
        """(N,) neurons that are calibrated."""
        return self.verdict == Verdict.GOOD


@dataclass(frozen=True)
class Conditions:
    """Of the chip while it was measured: die temperature at start and end, millikelvin, and the supply as the user
    states it, millivolt; None where nobody said."""

    temperature_start_mk: int
    temperature_end_mk: int
    supply_mv: float | None = None


@dataclass(frozen=True)
class Cost:
    """What the measurement took: `stimuli` shots, `reads` repeats of them, `wire_bytes` in both directions, `frames`
    in both directions, `wall_s` seconds here."""

    stimuli: int
    reads: int
    wire_bytes: int
    frames: int
    wall_s: float

    def wire_s(self, baud: int = 921_600) -> float:
        """Seconds that the bytes take on a serial line, 10 bits per byte, both directions one after the other."""
        return self.wire_bytes * 10 / baud


@dataclass(frozen=True, eq=False)
class Calibration:
    """Result of one calibration.

    Attributes:
        uid, image_digest: of chip and image, hexadecimal.
        layers: findings by layer.
        corrections: of all domains; zero for those of neurons that failed.
        options, conditions, cost: how it was measured.
        date: UTC, ISO 8601.
    """

    uid: str
    image_digest: str
    layers: tuple[LayerFindings, ...]
    corrections: Corrections
    options: Options
    conditions: Conditions
    cost: Cost
    date: str
