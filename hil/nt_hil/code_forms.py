"""Forms in which absolute codes travel: dense, sparse, masked. The host takes the shortest, the device undoes it.

Where the C core is built, it takes what comes; refusals are left to what is below.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.messages import CodeForm, ErrorCode
from nt_hil.refusal import Refusal
from nt_model.errors import EnvironmentMissingError

try:
    from nt_model.core_wire import take_code_form

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

ByteArray = NDArray[np.uint8]
SPARSE_RECORD = np.dtype([("distance", "<u2"), ("code", "u1")])
_SPAN = struct.Struct("<H")
MAX_SPAN = 65535


@dataclass(frozen=True)
class CodeChunk:
    """Part of a write: `form`, index of the first code, and the bytes of that form."""

    form: CodeForm
    start: int
    data: bytes


def _decode(form: int, start: int, data: bytes) -> tuple[NDArray[np.int64], ByteArray]:
    """Indices and codes of a chunk."""
    raw = np.frombuffer(data, np.uint8)
    if form == CodeForm.DENSE:
        return start + np.arange(len(raw), dtype=np.int64), raw
    if form == CodeForm.SPARSE and len(data) % SPARSE_RECORD.itemsize == 0:
        records = np.frombuffer(data, SPARSE_RECORD)
        return start + records["distance"].astype(np.int64), records["code"]
    if form == CodeForm.MASKED and len(data) >= 2:
        (span,) = _SPAN.unpack_from(data)
        mask_end = 2 + -(-span // 8)
        if len(raw) >= mask_end:
            marked = np.flatnonzero(np.unpackbits(raw[2:mask_end], count=span, bitorder="little"))
            if len(marked) == len(raw) - mask_end:
                return start + marked, raw[mask_end:]
    raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(data))


def apply_form(codes: ByteArray, form: int, start: int, data: bytes) -> None:
    """Write a chunk into `codes` (n_codes,) uint8, in place.

    Raises:
        Refusal: INDEX_RANGE or BAD_PAYLOAD; `codes` is unchanged.
    """
    if not (IN_C and take_code_form(codes, form, start, data)):
        apply_form_in_python(codes, form, start, data)


def apply_form_in_python(codes: ByteArray, form: int, start: int, data: bytes) -> None:
    """`apply_form` without the C core."""
    index, values = _decode(form, start, data)
    outside = index >= len(codes)
    if outside.any():
        raise Refusal(ErrorCode.INDEX_RANGE, index=int(index[outside][0]), limit=len(codes))
    codes[index] = values


def _shortest(changed: NDArray[np.int64], codes: ByteArray) -> CodeChunk:
    """The shortest form that carries `codes[changed]`; `changed` is sorted, not empty, and spans at most 65,535."""
    start, span = int(changed[0]), int(changed[-1] - changed[0]) + 1
    dense, sparse, masked = span, 3 * len(changed), 2 + -(-span // 8) + len(changed)
    if dense <= sparse and dense <= masked:
        return CodeChunk(CodeForm.DENSE, start, codes[start : start + span].tobytes())
    if sparse <= masked:
        records = np.empty(len(changed), SPARSE_RECORD)
        records["distance"], records["code"] = changed - start, codes[changed]
        return CodeChunk(CodeForm.SPARSE, start, records.tobytes())
    mask = np.zeros(span, np.uint8)
    mask[changed - start] = 1
    data = _SPAN.pack(span) + np.packbits(mask, bitorder="little").tobytes() + codes[changed].tobytes()
    return CodeChunk(CodeForm.MASKED, start, data)


def code_chunks(before: ByteArray, after: ByteArray, room: int) -> Iterator[CodeChunk]:
    """Chunks of at most `room` bytes that turn `before` into `after`, both (n_codes,) uint8; at least one. What one
    write can carry is made in C where that is built (`nt_model.core_requests`)."""
    changed = np.flatnonzero(before != after)
    if len(changed) == 0:
        yield CodeChunk(CodeForm.DENSE, 0, b"")
    while len(changed):
        count = len(changed)
        while True:
            part = changed[:count]
            fits = int(part[-1] - part[0]) < MAX_SPAN
            chunk = _shortest(part, after) if fits else None
            if chunk is not None and len(chunk.data) <= room:
                break
            # All forms grow with the span: the share that fits is near the share of the room.
            count = max(1, count // 2 if chunk is None else min(count - 1, count * room // len(chunk.data)))
        yield chunk
        changed = changed[count:]
