"""Mean and spread over seeds, chips or runs, as every table and picture gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean of `values`, one or more, and their standard deviation with n - 1 degrees of freedom; 0 for a single one."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
