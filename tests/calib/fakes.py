"""Calibrations of chips that do not exist, for tests of what happens to a calibration afterwards."""

from __future__ import annotations

import numpy as np

from nt_calib.options import Options
from nt_calib.result import Calibration, Conditions, Cost, LayerFindings
from nt_model.correction import BOW_RANGE, OFFSET_RANGE_Q4, SLOPE_RANGE_Q9, Corrections

UID, DIGEST = "6bcfb6b9ae63e71e", "ab" * 32


def findings(rng: np.random.Generator, neurons: int, *, holes: float = 0.1) -> LayerFindings:
    """Findings of `neurons` neurons, a share `holes` of them never read back."""
    after = np.where(rng.random(neurons) < holes, np.nan, rng.normal(0, 0.002, neurons))
    return LayerFindings(
        rng.normal(0, 0.1, (neurons, 4)),
        rng.uniform(0.001, 0.1, (neurons, 4)),
        rng.uniform(0.005, 0.02, neurons),
        rng.uniform(0.5, 1.5, neurons),
        rng.choice(8, neurons, p=[0.79, *[0.03] * 7]).astype(np.int8),
        rng.uniform(0.05, 0.4, neurons),
        rng.normal(0, 0.1, neurons),
        after,
        np.where(np.isnan(after), np.nan, 0.003),
    )


def calibration(
    seed: int = 0, sizes: tuple[int, ...] = (7, 3), *, supply_mv: float | None = None, uid: str = UID
) -> Calibration:
    """A calibration with nothing in it that a chip ever said."""
    rng = np.random.default_rng(seed)
    domains = sum(sizes)
    low, high = zip(OFFSET_RANGE_Q4, SLOPE_RANGE_Q9, BOW_RANGE, strict=True)
    numbers = [rng.integers(low[k], high[k] + 1, domains) for k in range(3)]
    return Calibration(
        uid,
        DIGEST,
        tuple(findings(rng, size) for size in sizes),
        Corrections(*numbers),
        Options(seed=seed),
        Conditions(300_000, 300_150, supply_mv),
        Cost(636, 8736, 404_304, 2410, 4.25),
        "2026-03-01T12:30:05+00:00",
    )
