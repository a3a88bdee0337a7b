"""Early stop on held-out labels: the best codes are kept, and they are never worse than the start.

Codes are judged by samples right under argmax plus samples right under strict accuracy, ties by the margin. Codes
that fall below the start in either accuracy on the held-out samples are never chosen, and the start gives way only to
codes that are at least two judgements better: one sample more or less is chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_host.readout import Accuracy


@dataclass(frozen=True, eq=False)
class Best:
    """State of the early stop.

    Attributes:
        start: held-out accuracy of the codes the run started from.
        accuracy: held-out accuracy of the best codes so far.
        codes: (n_codes,) uint8, the best codes so far.
        step: learning step after which they were judged; 0 is the start.
        waited: judgements since then.
    """

    start: Accuracy
    accuracy: Accuracy
    codes: NDArray[np.uint8]
    step: int
    waited: int

    @classmethod
    def at_start(cls, accuracy: Accuracy, codes: NDArray[np.uint8]) -> Best:
        return cls(accuracy, accuracy, codes.copy(), 0, 0)


LEAST_GAIN = 2
"""Held-out judgements (argmax and strict together) by which the first learned codes must beat the start."""


def _merit(accuracy: Accuracy) -> tuple[int, float]:
    return round((accuracy.argmax + accuracy.strict) * accuracy.n), accuracy.margin


def judged(best: Best, accuracy: Accuracy, codes: NDArray[np.uint8], step: int) -> Best:
    """`best` after `codes` were seen to reach `accuracy` on the held-out samples after `step`."""
    not_worse = accuracy.argmax >= best.start.argmax and accuracy.strict >= best.start.strict
    clear = best.step > 0 or _merit(accuracy)[0] >= _merit(best.start)[0] + LEAST_GAIN
    if not_worse and clear and _merit(accuracy) > _merit(best.accuracy):
        return Best(best.start, accuracy, codes.copy(), step, 0)
    return replace(best, waited=best.waited + 1)
