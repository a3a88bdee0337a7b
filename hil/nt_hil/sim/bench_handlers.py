"""What the simulated chip does for the messages of the bench: corrections, stimuli, learning state."""

from __future__ import annotations

import numpy as np

from nt_hil import messages as m
from nt_hil.learn_state_frames import STATE_RECORD
from nt_hil.messages import Capability, ErrorCode
from nt_hil.refusal import Refusal
from nt_hil.sim.simchip import SimChip
from nt_hil.stimulus_frames import EVENT_RECORD
from nt_model.stimulus import Stimulus


def _require_room(count: int, size: int, room: int) -> None:
    if count * size > room:
        raise Refusal(ErrorCode.RESPONSE_TOO_LONG, seen=count * size, limit=room)


def correction_read(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.CorrectionReadRequest.parse(payload)
    chip.require(Capability.CORRECTIONS)
    _require_room(request.count, 4, room - m.CorrectionReadResponse.HEAD_SIZE)
    corrections = chip.bank.read_corrections(request.start, request.count)
    return m.CorrectionReadResponse(chip.bank.revision, corrections).pack()


def correction_write(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.CorrectionWriteRequest.parse(payload)
    chip.require(Capability.CORRECTIONS)
    return m.CorrectionWriteResponse(chip.bank.correct(request)).pack()


def stimulate(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.StimulateRequest.parse(payload)
    chip.require(Capability.STIMULATE)
    if len(request.events) % EVENT_RECORD.itemsize:
        raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(payload))
    _check_steps(request)
    _check_neurons(chip, request)
    _require_room(request.count, 1, room - m.StimulateResponse.HEAD_SIZE)
    counts = chip.stimulate(_stimulus(chip, request))
    return m.StimulateResponse(counts[request.start : request.start + request.count].tobytes()).pack()


def _check_steps(request: m.StimulateRequest) -> None:
    for index, value in ((1, request.n_steps), (2, request.n_repeats)):
        if value == 0:
            raise Refusal(ErrorCode.SETTING_RANGE, index=index, seen=0, limit=1)
    if request.n_steps * request.n_repeats > 255:
        raise Refusal(ErrorCode.SETTING_RANGE, index=2, seen=request.n_repeats, limit=255 // request.n_steps)


def _check_neurons(chip: SimChip, request: m.StimulateRequest) -> None:
    if request.layer >= len(chip.image.layers):
        raise Refusal(ErrorCode.SETTING_RANGE, index=0, seen=request.layer, limit=len(chip.image.layers) - 1)
    neurons = chip.image.layers[request.layer].n_neurons
    if request.count == 0 or request.start + request.count > neurons:
        raise Refusal(ErrorCode.INDEX_RANGE, index=request.start + request.count - 1, limit=neurons)


def _stimulus(chip: SimChip, request: m.StimulateRequest) -> Stimulus:
    records = np.frombuffer(request.events, EVENT_RECORD)
    inputs = records["input"].astype(np.int64)
    n_inputs = chip.image.layers[request.layer].n_inputs
    wrong = np.flatnonzero((inputs >= n_inputs) | (np.diff(inputs, prepend=-1) <= 0))
    if len(wrong):
        raise Refusal(ErrorCode.INDEX_RANGE, index=int(inputs[wrong[0]]), limit=n_inputs)
    return Stimulus(request.layer, inputs, records["events"], request.n_steps, request.n_repeats)


def learn_state(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.LearnStateRequest.parse(payload)
    chip.require(Capability.DEVICE_LOOP)
    state = chip.learner.state
    if state is None:
        raise Refusal(ErrorCode.NOT_LEARNING)
    if request.start + request.count > chip.image.n_codes:
        raise Refusal(ErrorCode.INDEX_RANGE, index=request.start + request.count - 1, limit=chip.image.n_codes)
    _require_room(request.count, STATE_RECORD.itemsize, room - m.LearnStateResponse.HEAD_SIZE)
    records = np.zeros(request.count, STATE_RECORD)
    part = slice(request.start, request.start + request.count)
    records["accumulator_q8"], records["mean_q8"] = state.accumulator_q8[part], state.mean_q8[part]
    return m.LearnStateResponse(chip.learner.step, records.tobytes()).pack()
