"""STIMULATE requests: one per range of neurons that has room in an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo
from nt_hil.codec import Frame
from nt_hil.exchange import Outgoing
from nt_model.errors import UsageError
from nt_model.stimulus import Stimulus

EVENT_RECORD = np.dtype([("input", "<u2"), ("events", "u1")])


def stimulus_requests(stimulus: Stimulus, info: ChipInfo) -> list[Outgoing]:
    """Requests that read all neurons of the layer driven.

    Raises:
        UsageError: the chip has no such layer or input, or the events do not fit a frame.
    """
    if not 0 <= stimulus.layer < len(info.layer_sizes) - 1:
        raise UsageError(
            "the chip has no such layer", evidence=f"layer {stimulus.layer}, {len(info.layer_sizes) - 1} layers"
        )
    n_inputs = info.layer_sizes[stimulus.layer]
    if len(stimulus.inputs) and int(stimulus.inputs[-1]) >= n_inputs:
        raise UsageError("the layer has no such input", evidence=f"input {stimulus.inputs[-1]}, {n_inputs} inputs")
    records = np.zeros(len(stimulus.inputs), EVENT_RECORD)
    records["input"], records["events"] = stimulus.inputs, stimulus.events
    if m.StimulateRequest.HEAD_SIZE + records.nbytes > info.max_payload:
        room = (info.max_payload - m.StimulateRequest.HEAD_SIZE) // EVENT_RECORD.itemsize
        raise UsageError(
            "a stimulus does not fit a frame", evidence=f"{len(records)} inputs with events, room for {room}"
        )
    neurons = info.layer_sizes[stimulus.layer + 1]
    room = info.max_payload - m.StimulateResponse.HEAD_SIZE
    requests = []
    for start in range(0, neurons, room):
        request = m.StimulateRequest(
            stimulus.layer,
            stimulus.n_steps,
            stimulus.n_repeats,
            start,
            min(room, neurons - start),
            records.tobytes(),
        )
        requests.append(Outgoing(request.TYPE, request.pack()))
    return requests


def joined_counts(answers: Sequence[Frame]) -> ByteArray:
    """Spikes of all neurons, (N,) uint8, from the answers to `stimulus_requests`."""
    return np.frombuffer(b"".join(m.StimulateResponse.parse(answer.payload).counts for answer in answers), np.uint8)
