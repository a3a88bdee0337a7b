"""Frames of the wire, whole ones at a time, in C (firmware/host/nt_host_frame.c)."""

from __future__ import annotations

from nt_model.core_library import ffi, lib


def frame_bytes(session: int, kind: int, seq: int, payload: bytes) -> bytes:
    """Bytes on the wire, both delimiters included; `session` and `kind` 0..255, `seq` 0..65535."""
    size = len(payload)
    out = ffi.new("uint8_t[]", size + 10 + (size + 10) // 254 + 3)
    frame = ffi.new("struct nt_frame *", (session, kind, seq, size, ffi.from_buffer("uint8_t[]", payload)))
    return bytes(ffi.buffer(out, lib.nt_host_frame_encode(frame, out)))


def frame_fields(piece: bytes) -> tuple[int, int, int, bytes] | None:
    """Session, type, seq and payload of the bytes between two delimiters; None where they are no frame."""
    room = ffi.new("uint8_t[]", len(piece) or 1)
    frame = ffi.new("struct nt_frame *")
    if lib.nt_host_frame_decode(piece, len(piece), room, frame) < 0:
        return None
    return frame.session, frame.type, frame.seq, bytes(ffi.buffer(frame.payload, frame.length))
