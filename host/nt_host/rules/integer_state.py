"""What the dithered rules `dmn` and `dfa` share: the device's own state, the update count, the spikes they need."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nt_host.rules.base import ByteArray, Observation, Remembering
from nt_model import learn
from nt_model.errors import UsageError


class IntegerState(Remembering):
    """Codes, accumulator and running mean per code (``nt_model.learn.LearnState``), and the number of updates."""

    remembers: ClassVar[tuple[str, ...]] = ("codes", "accumulator_q8", "mean_q8", "count")
    name: str

    def __init__(self, codes: ByteArray) -> None:
        self._count = np.zeros(1, np.int64)
        self._take(learn.LearnState.at(codes))

    @property
    def updates(self) -> int:
        """Updates made so far."""
        return int(self._count[0])

    def _present(self, codes: ByteArray) -> learn.LearnState:
        """What is remembered, at the ``codes`` that were presented: a chip may not have taken the last ones."""
        return learn.LearnState(codes, self._accumulator_q8, self._mean_q8)

    def _take(self, learned: learn.LearnState) -> None:
        self._codes, self._accumulator_q8, self._mean_q8 = learned.codes, learned.accumulator_q8, learned.mean_q8

    def _updated(self, learned: learn.LearnState) -> ByteArray:
        """Remember what an update led to; its codes."""
        self._take(learned)
        self._count += 1
        return learned.codes.copy()

    def _dithered(self, observation: Observation, layers: int) -> learn.Spikes:
        """Spikes of all ``layers``; UsageError for a batch without dithered ones."""
        if len(observation.plus) != layers or len(observation.minus) != layers:
            raise UsageError(
                f"rule '{self.name}' needs the dithered spikes of every layer",
                evidence=f"{len(observation.plus)} and {len(observation.minus)} of {layers} layers",
                next_step="read out with dither, or choose another `--rule`",
            )
        return learn.Spikes(observation.plain, observation.plus, observation.minus)
