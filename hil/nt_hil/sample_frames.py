"""INPUT_LOAD and PRESENT requests: samples cut into frames of what the chip can take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo, Readout
from nt_hil.codec import Frame
from nt_hil.exchange import Outgoing
from nt_hil.messages import Packing, ReadoutFlag
from nt_hil.records import RecordLayout, layout_of
from nt_model.errors import UsageError

_HIDDEN, _DITHER, _MEMBRANE = int(ReadoutFlag.HIDDEN), int(ReadoutFlag.DITHER), int(ReadoutFlag.MEMBRANE)
_RANGE, _GATES = int(ReadoutFlag.RANGE), int(ReadoutFlag.GATES)


def checked_samples(x: ByteArray, n_inputs: int) -> ByteArray:
    """x (B, M) or (B, T, M) uint8 as (B, T, M); UsageError for anything else."""
    shaped = x[:, None, :] if x.ndim == 2 else x
    if x.dtype != np.uint8 or shaped.ndim != 3 or shaped.shape[2] != n_inputs or not 1 <= shaped.shape[1] <= 255:
        raise UsageError(
            "samples do not fit the chip",
            evidence=f"{x.dtype} {x.shape}, {n_inputs} inputs",
            next_step="give (B, M) or (B, T, M) uint8 events with T <= 255",
        )
    return shaped


def load_requests(x: ByteArray, first_slot: int, max_payload: int) -> Iterator[Outgoing]:
    """Requests that load x (B, T, M) uint8 into slots from `first_slot` on; one bit per event where that is enough."""
    if x.size == 0:
        return
    steps, size = x.shape[1], x.shape[1] * x.shape[2]
    flat = np.ascontiguousarray(x).reshape(-1)
    bits = int(flat.max()) <= 1
    packing = Packing.BITS if bits else Packing.BYTES
    packed = (np.packbits(flat, bitorder="little") if bits else flat).tobytes()
    room = max_payload - m.InputLoadRequest.HEAD_SIZE
    per_byte = 8 if bits else 1
    for begin in range(0, len(packed), room):
        data = packed[begin : begin + room]
        at = begin * per_byte
        count = min(len(data) * per_byte, flat.size - at)
        request = m.InputLoadRequest(first_slot + at // size, steps, packing, at % size, count, data)
        yield Outgoing(request.TYPE, request.pack())


def _flags_of(readout: Readout) -> int:
    flags = _HIDDEN if readout.hidden else 0
    flags |= _DITHER if readout.dither is not None else 0
    flags |= _MEMBRANE if readout.membrane else 0
    return flags | (_GATES if readout.gates else 0)


def record_layout(info: ChipInfo, readout: Readout, n_steps: int) -> RecordLayout:
    """Layout of the records that `readout` asks for."""
    return layout_of(info.layer_sizes[1:], n_steps, _flags_of(readout))


def _present_request(slots: NDArray[np.int64], layout: RecordLayout, readout: Readout) -> Outgoing:
    flags = _flags_of(readout)
    named = tuple(slots.tolist())
    count, first = len(named), named[0]
    if count > 2 and named[-1] == first + count - 1 and named == tuple(range(first, first + count)):
        flags |= _RANGE
        named = (first, count)
    dither = readout.dither
    hidden, output = (dither.hidden_code, dither.output_code) if dither else (0, 0)
    request = m.PresentRequest(layout.n_steps, flags, hidden, output, named)
    return Outgoing(request.TYPE, request.pack())


def present_requests(
    slots: NDArray[np.int64], layout: RecordLayout, readout: Readout, max_payload: int
) -> Iterator[Outgoing]:
    """Requests that present the loaded `slots` (B,), as many per frame as their answer has room for; a record that is
    longer than a frame is asked for in parts."""
    room = max_payload - m.PresentResponse.HEAD_SIZE
    by_request = (max_payload - m.PresentRequest.HEAD_SIZE) // 2
    per_frame = max(1, min(room // layout.size, by_request))
    for begin in range(0, len(slots), per_frame):
        yield _present_request(slots[begin : begin + per_frame], layout, readout)
        for offset in range(room, layout.size, max_payload):
            request = m.ResultRequest(offset)
            yield Outgoing(request.TYPE, request.pack())


def joined_records(answers: list[Frame]) -> bytes:
    """Records of the answers to `present_requests`, in order; answers to other requests between them are skipped."""
    parts = []
    for answer in answers:
        if answer.type == m.PresentResponse.TYPE:
            parts.append(m.PresentResponse.parse(answer.payload).data)
        elif answer.type == m.ResultResponse.TYPE:
            parts.append(m.ResultResponse.parse(answer.payload).data)
    return b"".join(parts)
