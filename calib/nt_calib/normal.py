"""The normal distribution, which the reads of a noisy comparator follow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ndtr(x: NDArray[np.floating[Any]]) -> Any:
    """Phi(x), the chance of a normal number below `x`, element by element."""
    # SciPy is loaded where a chip is calibrated, not by every command that might.
    from scipy.special import ndtr as phi

    return phi(x)
