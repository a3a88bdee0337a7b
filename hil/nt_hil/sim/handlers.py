"""What the simulated chip does for each message: payload in, payload out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nt_hil import messages as m
from nt_hil.messages import Capability, ErrorCode, ReadoutFlag
from nt_hil.payload import PayloadError
from nt_hil.records import RecordLayout, layout_of
from nt_hil.refusal import Refusal
from nt_hil.sim import bench_handlers
from nt_hil.sim.simchip import SimChip
from nt_model.learn import LearnSettings

_OF_GATES = int(ReadoutFlag.HIDDEN | ReadoutFlag.DITHER | ReadoutFlag.GATES)
_ALL_FLAGS = _OF_GATES | int(ReadoutFlag.MEMBRANE | ReadoutFlag.RANGE)
_NEEDS = (
    (int(ReadoutFlag.HIDDEN), Capability.HIDDEN_SPIKES),
    (int(ReadoutFlag.DITHER), Capability.DITHER),
    (int(ReadoutFlag.MEMBRANE), Capability.MEMBRANE),
)
_RANGE = int(ReadoutFlag.RANGE)
_NO_DITHER = LearnSettings()
Handler = Callable[[SimChip, bytes, int], bytes]
"""Chip, payload of the request, largest payload of the answer."""


def status(chip: SimChip, payload: bytes, bad_frames: int) -> bytes:
    """Answer to STATUS; the number of bad frames is the link's, not the chip's."""
    m.StatusRequest.parse(payload)
    return m.StatusResponse(
        chip.samples_presented,
        chip.bank.revision,
        int(chip.learner.state is not None),
        chip.learner.step,
        chip.temperature_mk,
        chip.nv.boot_count,
        chip.nv.generation,
        bad_frames,
    ).pack()


def _codes_read(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.CodesReadRequest.parse(payload)
    if request.count > room - m.CodesReadResponse.HEAD_SIZE:
        raise Refusal(ErrorCode.RESPONSE_TOO_LONG, seen=request.count, limit=room - m.CodesReadResponse.HEAD_SIZE)
    return m.CodesReadResponse(chip.bank.revision, chip.bank.read(request.start, request.count)).pack()


def _codes_write(chip: SimChip, payload: bytes, room: int) -> bytes:
    return m.CodesWriteResponse(chip.bank.write(m.CodesWriteRequest.parse(payload))).pack()


def _input_load(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.InputLoadRequest.parse(payload)
    packed = np.frombuffer(request.data, np.uint8)
    expected = request.count if request.packing == m.Packing.BYTES else -(-request.count // 8)
    if request.packing not in (m.Packing.BYTES, m.Packing.BITS) or len(packed) != expected:
        raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(payload))
    bits = request.packing == m.Packing.BITS
    events = np.unpackbits(packed, count=request.count, bitorder="little") if bits else packed
    chip.slots.load(request.slot, request.steps, request.offset, events)
    return m.InputLoadResponse().pack()


def _layout(chip: SimChip, request: m.PresentRequest) -> RecordLayout:
    gates = request.readout & _OF_GATES
    if request.readout & ~_ALL_FLAGS or int(ReadoutFlag.GATES) <= gates < _OF_GATES:
        raise Refusal(ErrorCode.SETTING_RANGE, index=1, seen=request.readout)
    for flag, capability in _NEEDS:
        if request.readout & flag:
            chip.require(capability)
    return layout_of(chip.widths, request.n_steps or chip.image.n_steps, request.readout)


@lru_cache(maxsize=64)
def _dither_of(hidden_code: int, output_code: int) -> LearnSettings:
    return LearnSettings(hidden_dither_code=hidden_code, output_dither_code=output_code)


def _dither(request: m.PresentRequest, layout: RecordLayout) -> LearnSettings:
    if layout.n_planes == 1:
        return _NO_DITHER
    for index, value in ((2, request.hidden_dither), (3, request.output_dither)):
        if not 1 <= value <= 127:
            raise Refusal(ErrorCode.SETTING_RANGE, index=index, seen=value, limit=1 if value < 1 else 127)
    return _dither_of(request.hidden_dither, request.output_dither)


def _slots(request: m.PresentRequest) -> NDArray[np.int64]:
    if not request.readout & _RANGE:
        return np.array(request.slots, np.int64)
    if len(request.slots) != 2:
        raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(request.slots))
    first, count = request.slots
    return np.arange(first, first + count, dtype=np.int64)


def _present(chip: SimChip, payload: bytes, room: int) -> bytes:
    request = m.PresentRequest.parse(payload)
    layout = _layout(chip, request)
    dither = _dither(request, layout)
    slots = _slots(request)
    room -= m.PresentResponse.HEAD_SIZE
    if len(slots) == 0:
        raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(payload))
    if len(slots) > 1 and len(slots) * layout.size > room:
        raise Refusal(ErrorCode.RESPONSE_TOO_LONG, seen=len(slots) * layout.size, limit=room)
    chip.result = chip.present(slots, layout, dither)
    return m.PresentResponse(len(slots), len(chip.result), chip.result[:room]).pack()


def _result(chip: SimChip, payload: bytes, room: int) -> bytes:
    offset = m.ResultRequest.parse(payload).offset
    if offset >= len(chip.result):
        raise Refusal(ErrorCode.NO_RESULT, index=offset, limit=len(chip.result))
    return m.ResultResponse(chip.result[offset : offset + room]).pack()


def _learn_start(chip: SimChip, payload: bytes, room: int) -> bytes:
    return m.LearnStartResponse(chip.learn_start(m.LearnStartRequest.parse(payload))).pack()


def _learn(chip: SimChip, payload: bytes, room: int) -> bytes:
    chip.learn(m.LearnRequest.parse(payload))
    return m.LearnResponse(chip.learner.step, chip.bank.revision).pack()


def _commit(chip: SimChip, payload: bytes, room: int) -> bytes:
    return m.CommitResponse(chip.commit(m.CommitRequest.parse(payload).revision)).pack()


HANDLERS: dict[int, Handler] = {
    m.CodesReadRequest.TYPE: _codes_read,
    m.CodesWriteRequest.TYPE: _codes_write,
    m.InputLoadRequest.TYPE: _input_load,
    m.PresentRequest.TYPE: _present,
    m.ResultRequest.TYPE: _result,
    m.LearnStartRequest.TYPE: _learn_start,
    m.LearnRequest.TYPE: _learn,
    m.CommitRequest.TYPE: _commit,
    m.CorrectionReadRequest.TYPE: bench_handlers.correction_read,
    m.CorrectionWriteRequest.TYPE: bench_handlers.correction_write,
    m.StimulateRequest.TYPE: bench_handlers.stimulate,
    m.LearnStateRequest.TYPE: bench_handlers.learn_state,
}


def handle(chip: SimChip, kind: int, payload: bytes, room: int) -> bytes:
    """Payload of the answer to message `kind`.

    Raises:
        Refusal: the request cannot be done; nothing was changed.
    """
    handler = HANDLERS.get(kind)
    if handler is None:
        raise Refusal(ErrorCode.UNKNOWN_MESSAGE, index=kind)
    try:
        return handler(chip, payload, room)
    except PayloadError as error:
        raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(payload)) from error
