"""What the integer rules `dmn` and `dfa` remember: the device's own state, and the update count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray, RuleState, taken
from nt_model import learn


class IntegerState:
    """Codes, accumulator and running mean per code (``nt_model.learn.LearnState``), and the number of updates."""

    def __init__(self, codes: ByteArray) -> None:
        self._learned = learn.LearnState.at(codes)
        self._count = np.zeros(1, np.int64)

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return int(self._count[0])

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {
            "codes": self._learned.codes.copy(),
            "accumulator_q8": self._learned.accumulator_q8.copy(),
            "mean_q8": self._learned.mean_q8.copy(),
            "count": self._count.copy(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        learned = learn.LearnState(
            codes=taken(state, "codes", self._learned.codes),
            accumulator_q8=taken(state, "accumulator_q8", self._learned.accumulator_q8),
            mean_q8=taken(state, "mean_q8", self._learned.mean_q8),
        )
        self._count = taken(state, "count", self._count)
        self._learned = learned
