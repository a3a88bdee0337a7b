"""Where a chip stands in a learning loop, and the samples in its slots: what a server of the loop's frames needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.learn import LearnSettings, LearnState

ByteArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SlotBank:
    """Slots that all hold samples of `held` time steps.

    Attributes:
        events: (slots * held * inputs,) uint8.
        ready: (slots,) uint8, `held` where a slot holds a whole sample.
        held: time steps of a sample: those of the image, or 1 for events that stay the same.
    """

    events: ByteArray
    ready: ByteArray
    held: int


@dataclass(slots=True)
class LoopState:
    """Where a chip and its session stand; `CoreLoop.serve` brings it up to date.

    Attributes:
        session, expected, room: number of the session, next sequence number, and bytes of payload of an answer.
        revision, codes: of the codes (n_codes,) uint8, which are written into.
        fresh: samples until the conditions of the die may change.
        steps_done: time steps so far.
        learning: state of the device loop, but for its codes, likewise written into; None where it does not learn.
        settings, learning_step: of the device loop.
    """

    session: int
    expected: int
    room: int
    revision: int
    codes: ByteArray
    fresh: int
    steps_done: int
    learning: LearnState | None
    settings: LearnSettings
    learning_step: int
