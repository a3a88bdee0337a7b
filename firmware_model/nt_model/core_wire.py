"""What the wire carries, made and read in C: whole frames and whole writes of codes (firmware/host)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nt_model.core_library import ffi, lib

_BYTES = ffi.typeof("uint8_t[]")
_REQUEST_HEAD = struct.Struct("<BH").pack
_SEEN = struct.Struct("=BBHII")
_FRAME_LEAST = 12
_FIRST_ROOM = 4096
_Frame = TypeVar("_Frame")
ByteArray = NDArray[np.uint8]


def frame_bytes(session: int, kind: int, seq: int, payload: bytes) -> bytes:
    """Bytes on the wire, both delimiters included; `session` and `kind` 0..255, `seq` 0..65535."""
    size = len(payload)
    out = ffi.new(_BYTES, _wire_bytes(size))
    length = lib.nt_host_frame_encode(session, kind, seq, payload, size, out)
    framed: bytes = ffi.buffer(out, length)[:]
    return framed


def _wire_bytes(size: int) -> int:
    """Most bytes that a frame with `size` bytes of payload takes."""
    return size + 10 + (size + 10) // 254 + 3


def frames_bytes(session: int, seq: int, requests: Sequence[tuple[int, bytes]]) -> bytes:
    """`frame_bytes` of requests, each message type and payload, one after the other and numbered from `seq` on."""
    block = b"".join([_REQUEST_HEAD(kind, len(payload)) + payload for kind, payload in requests])
    return block_frames(session, seq, block, len(requests))


def block_frames(session: int, seq: int, block: bytes, count: int) -> bytes:
    """`frames_bytes` of `count` requests in a block: of each its type u8, size of its payload u16, and payload."""
    # A request has 3 bytes before its payload in `block`, and at most 13 and a 254th part more on the wire.
    out = ffi.new(_BYTES, len(block) + len(block) // 254 + 12 * count)
    framed: bytes = ffi.buffer(out, lib.nt_host_frames_encode(session, seq, block, count, out))[:]
    return framed


class FrameCutter(Generic[_Frame]):
    """Cuts reads into frames; pieces longer than `longest` and payloads longer than `max_payload` are none. `make` is
    given session, type, seq and payload of each."""

    def __init__(self, longest: int, max_payload: int, make: Callable[[tuple[int, int, int, bytes]], _Frame]) -> None:
        self._limits = (longest, max_payload)
        self._make = make
        self._cut = ffi.new("struct nt_host_frames_cut *")
        self._reserve(_FIRST_ROOM)

    def _reserve(self, room: int) -> None:
        self._out = ffi.new(_BYTES, room)
        self._seen = ffi.new("struct nt_host_frame_seen[]", room // _FRAME_LEAST + 1)
        self._whole, self._fields = ffi.buffer(self._out), ffi.buffer(self._seen)

    def cut(self, data: bytes) -> tuple[list[_Frame], int, int]:
        """Good frames of `data`, bytes up to the last delimiter, and pieces that were no frame."""
        size = len(data)
        if size > len(self._whole):
            self._reserve(2 * size)
        cut, whole, make = self._cut, self._whole, self._make
        lib.nt_host_frames_decode(data, size, *self._limits, self._out, self._seen, cut)
        fields = _SEEN.iter_unpack(self._fields[: cut.frames * _SEEN.size])
        frames = [make((session, kind, seq, whole[begin:end])) for session, kind, seq, begin, end in fields]
        return frames, cut.taken, cut.bad


def gate_planes(gates: ByteArray, neurons: int, outputs: int) -> ByteArray:
    """`learn.unpacked_gates`."""
    planes = np.empty((2, len(gates), neurons), np.uint8)
    given = ffi.from_buffer("uint8_t[]", np.ascontiguousarray(gates))
    lib.nt_host_gates_unpack(given, len(gates), neurons, outputs, ffi.from_buffer("uint8_t[]", planes))
    return planes


def take_code_form(codes: ByteArray, form: int, start: int, data: bytes) -> bool:
    """Write what a form carries into `codes` (n_codes,) uint8; False, and nothing is changed, where it does not fit."""
    into = ffi.from_buffer("uint8_t[]", codes, require_writable=True)
    return bool(lib.nt_host_codes_unpack(into, len(codes), form, start, data, len(data)) == 0)
