"""INPUT_LOAD and PRESENT requests: samples cut into frames of what the chip can take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo, Readout, Response
from nt_hil.codec import Frame
from nt_hil.exchange import Outgoing, RequestBlock
from nt_hil.messages import Packing, ReadoutFlag
from nt_hil.payload import check_size
from nt_hil.records import RecordLayout, layout_of
from nt_model.errors import EnvironmentMissingError, UsageError

try:
    from nt_model.core_requests import present_payload, step_block

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

Int64Array = NDArray[np.int64]
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


def checked_slots(slots: Int64Array, held: int) -> Int64Array:
    """`slots` (B,); UsageError unless all are among the `held` that are loaded."""
    named = slots.tolist()
    if named and not 0 <= min(named) <= max(named) < held:
        raise UsageError(
            "a sample slot is not loaded",
            evidence=f"slots {min(named)}..{max(named)}, {held} loaded",
            next_step="call load_samples() first; present() may have taken the slots",
        )
    return slots


class Presentation:
    """How one read-out of `layout` is asked for and what its answers come to; every step of a loop asks alike."""

    def __init__(self, layout: RecordLayout, readout: Readout, max_payload: int) -> None:
        self.layout = layout
        dither = readout.dither
        hidden, output = (dither.hidden_code, dither.output_code) if dither else (0, 0)
        self._head = m.PresentRequest(layout.n_steps, _flags_of(readout), hidden, output, ())
        self._packed_head = self._head.pack()
        self._max_payload = max_payload
        room = max_payload - m.PresentResponse.HEAD_SIZE
        by_request = (max_payload - m.PresentRequest.HEAD_SIZE) // 2
        self._per_frame = max(1, min(room // layout.size, by_request))
        rest = [m.ResultRequest(offset) for offset in range(room, layout.size, max_payload)]
        self._rest = [Outgoing(request.TYPE, request.pack()) for request in rest]

    def requests(self, slots: Int64Array, held: int) -> list[Outgoing]:
        """Requests that present `slots` (B,), as many per frame as their answer has room for; a record that is longer
        than a frame is asked for in parts.

        Raises:
            UsageError: a slot is not one of the `held` that are loaded.
        """
        requests: list[Outgoing] = []
        for begin in range(0, len(slots), self._per_frame):
            part = slots[begin : begin + self._per_frame]
            payload = present_payload(self._packed_head, part, held) if IN_C else None
            if payload is None:
                payload = self.payload_in_python(checked_slots(part, held))
            requests.append(Outgoing(_PRESENT, payload))
            requests += self._rest
        return requests

    def after_write(
        self, before: ByteArray, after: ByteArray, revision: int, slots: Int64Array, held: int
    ) -> RequestBlock | None:
        """The write that turns codes `before`, at `revision`, into `after`, if any, and the request for `slots`, where
        one of each can carry it: None where not, and where a slot is not loaded."""
        if not IN_C or self._rest or not 0 < len(slots) <= self._per_frame:
            return None
        block = step_block((before, after, revision), self._max_payload, self._packed_head, slots, held)
        if block is None:
            return None
        return RequestBlock(_PRESENT_ALONE if block[0] == _PRESENT else _WRITE_AND_PRESENT, block)

    def payload_in_python(self, slots: Int64Array) -> bytes:
        """Payload of the request for `slots`, without the C core."""
        flags = self._head.readout
        named = tuple(slots.tolist())
        count, first = len(named), named[0]
        if count > 2 and named[-1] == first + count - 1 and named == tuple(range(first, first + count)):
            flags |= _RANGE
            named = (first, count)
        return replace(self._head, readout=flags, slots=named).pack()

    def response(self, answers: list[Frame]) -> Response:
        """What the answers show; those to other requests between them are skipped."""
        parts = []
        for answer in answers:
            kind = _WITH_RECORDS.get(answer.type)
            if kind is not None:
                check_size(kind.__name__, answer.payload, kind.HEAD_SIZE, 1)
                parts.append(answer.payload[kind.HEAD_SIZE :])
        return self.layout.unpack(b"".join(parts))


_PRESENT = m.PresentRequest.TYPE
_PRESENT_ALONE, _WRITE_AND_PRESENT = (_PRESENT,), (m.CodesWriteRequest.TYPE, _PRESENT)
_WITH_RECORDS: dict[int, type[m.PresentResponse] | type[m.ResultResponse]] = {
    m.PresentResponse.TYPE: m.PresentResponse,
    m.ResultResponse.TYPE: m.ResultResponse,
}
