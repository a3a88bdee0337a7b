"""Mean and spread over seeds, chips or runs, as every table and picture gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean of `values`, one or more, and their standard deviation with n - 1 degrees of freedom; 0 for a single one."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def in_percent(figure: Sequence[float], places: int = 1) -> str:
    """'93.1 ± 0.4' of the mean and spread ``figure``, shares of one."""
    mean, spread = figure
    return f"{100 * mean:.{places}f} ± {100 * spread:.{places}f}"


def percent_over(values: Sequence[float], places: int = 1) -> str:
    """Mean and spread of `values`, shares of one, as `in_percent` tells them."""
    return in_percent(mean_and_spread(values), places)
