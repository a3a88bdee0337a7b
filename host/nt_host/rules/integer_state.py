"""What the integer rules `dmn` and `dfa` remember: the device's own state, and the update count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray, RuleState, taken
from nt_model import learn


class IntegerState:
    """Codes, accumulator and running mean per code (``nt_model.learn.LearnState``), and ``updates`` made so far."""

    def __init__(self, codes: ByteArray) -> None:
        self._learned = learn.LearnState.at(codes)
        self.updates = 0

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {
            "codes": self._learned.codes.copy(),
            "accumulator_q8": self._learned.accumulator_q8.copy(),
            "mean_q8": self._learned.mean_q8.copy(),
            "count": np.array([self.updates], np.int64),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        learned = learn.LearnState(
            codes=taken(state, "codes", self._learned.codes),
            accumulator_q8=taken(state, "accumulator_q8", self._learned.accumulator_q8),
            mean_q8=taken(state, "mean_q8", self._learned.mean_q8),
        )
        self.updates = int(taken(state, "count", np.zeros(1, np.int64))[0])
        self._learned = learned
