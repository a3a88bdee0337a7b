"""LEARN_STATE requests and what they bring back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nt_hil import messages as m
from nt_hil.chip import ChipInfo
from nt_hil.codec import Frame
from nt_hil.exchange import Outgoing

STATE_RECORD = np.dtype([("accumulator_q8", "<i2"), ("mean_q8", "<u4")])


def state_requests(info: ChipInfo) -> list[Outgoing]:
    """Requests that read the learning state of all codes."""
    room = (info.max_payload - m.LearnStateResponse.HEAD_SIZE) // STATE_RECORD.itemsize
    requests = (m.LearnStateRequest(start, min(room, info.n_codes - start)) for start in range(0, info.n_codes, room))
    return [Outgoing(request.TYPE, request.pack()) for request in requests]


def joined_state(answers: Sequence[Frame]) -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
    """Accumulators (C,) int16 Q8.8 and running means (C,) uint32 Q24.8."""
    data = b"".join(m.LearnStateResponse.parse(answer.payload).state for answer in answers)
    records = np.frombuffer(data, STATE_RECORD)
    return records["accumulator_q8"].astype(np.int16), records["mean_q8"].astype(np.uint32)
