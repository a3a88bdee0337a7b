"""What the wire carries, made and read in C: whole frames and whole writes of codes (firmware/host)."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from nt_model.core_library import ffi, lib

_HEADER = struct.Struct("<BBHH")
ByteArray = NDArray[np.uint8]


def frame_bytes(session: int, kind: int, seq: int, payload: bytes) -> bytes:
    """Bytes on the wire, both delimiters included; `session` and `kind` 0..255, `seq` 0..65535."""
    size = len(payload)
    out = ffi.new("uint8_t[]", size + 10 + (size + 10) // 254 + 3)
    length = lib.nt_host_frame_encode(session, kind, seq, payload, size, out)
    framed: bytes = ffi.buffer(out, length)[:]
    return framed


def frame_fields(piece: bytes) -> tuple[int, int, int, bytes] | None:
    """Session, type, seq and payload of the bytes between two delimiters; None where they are no frame."""
    room = ffi.new("uint8_t[]", len(piece) or 1)
    length = lib.nt_host_frame_decode(piece, len(piece), room)
    if length < 0:
        return None
    body = ffi.buffer(room, length)[:]
    session, kind, seq, _ = _HEADER.unpack_from(body)
    return session, kind, seq, body[_HEADER.size :]


def gate_planes(gates: ByteArray, neurons: int, outputs: int) -> ByteArray:
    """`learn.unpacked_gates`."""
    planes = np.empty((2, len(gates), neurons), np.uint8)
    given = ffi.from_buffer("uint8_t[]", np.ascontiguousarray(gates))
    lib.nt_host_gates_unpack(given, len(gates), neurons, outputs, ffi.from_buffer("uint8_t[]", planes))
    return planes


def code_form(before: ByteArray, after: ByteArray, room: int) -> tuple[int, int, bytes] | None:
    """Form, index of the first code and data of the shortest write that turns `before` into `after`, both (n_codes,)
    uint8; None where one of `room` bytes cannot carry it."""
    out = ffi.new("uint8_t[]", len(after) or 1)
    start, length = ffi.new("uint32_t *"), ffi.new("size_t *")
    given = (ffi.from_buffer("uint8_t[]", np.ascontiguousarray(codes, np.uint8)) for codes in (before, after))
    form = lib.nt_host_codes_pack(*given, len(after), out, room, start, length)
    return None if form < 0 else (form, start[0], ffi.buffer(out, length[0])[:])


def take_code_form(codes: ByteArray, form: int, start: int, data: bytes) -> bool:
    """Write what a form carries into `codes` (n_codes,) uint8; False, and nothing is changed, where it does not fit."""
    into = ffi.from_buffer("uint8_t[]", codes, require_writable=True)
    return bool(lib.nt_host_codes_unpack(into, len(codes), form, start, data, len(data)) == 0)
