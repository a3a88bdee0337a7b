"""Frames on a byte stream: 0x00, COBS of (header, payload, CRC-32C), 0x00.

Header, little-endian: session u8, type u8, seq u16, length u16 (of the payload). A frame counts only if its length
and its CRC-32C over header and payload both hold; whatever does not is dropped and counted. Where the C core is built,
it makes and reads whole frames: the same bytes, many times faster.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from nt_hil import cobs
from nt_model.crc import crc32c
from nt_model.errors import EnvironmentMissingError

try:
    from nt_model.core_wire import FrameCutter, block_frames, frame_bytes, frames_bytes

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

HEADER = struct.Struct("<BBHH")
REQUEST_HEAD = struct.Struct("<BH")
CRC_SIZE = 4
OVERHEAD = HEADER.size + CRC_SIZE
MAX_PAYLOAD = 65535


class Frame(NamedTuple):
    """`session` and `type` 0..255, `seq` 0..65535, `payload` at most 65,535 bytes."""

    session: int
    type: int
    seq: int
    payload: bytes


def encode(frame: Frame) -> bytes:
    """Bytes of `frame` on the wire, both delimiters included."""
    return frame_bytes(*frame) if IN_C else encode_in_python(frame)


def encode_in_python(frame: Frame) -> bytes:
    """`encode` without the C core."""
    body = HEADER.pack(frame.session, frame.type, frame.seq, len(frame.payload)) + frame.payload
    return b"\0" + cobs.encode(body + crc32c(body).to_bytes(CRC_SIZE, "little")) + b"\0"


def encode_all(session: int, seq: int, requests: Sequence[tuple[int, bytes]]) -> bytes:
    """`encode` of requests, each message type and payload, one after the other and numbered from `seq` on."""
    return frames_bytes(session, seq, requests) if IN_C else encode_all_in_python(session, seq, requests)


def encode_block(session: int, seq: int, block: bytes, count: int) -> bytes:
    """`encode_all` of `count` requests in a block: of each its type u8, size of its payload u16, and payload."""
    return block_frames(session, seq, block, count) if IN_C else encode_all_in_python(session, seq, requests_of(block))


def requests_of(block: bytes) -> list[tuple[int, bytes]]:
    """Message types and payloads of a block."""
    requests, at = [], 0
    while at < len(block):
        kind, size = REQUEST_HEAD.unpack_from(block, at)
        at += REQUEST_HEAD.size + size
        requests.append((kind, block[at - size : at]))
    return requests


def encode_all_in_python(session: int, seq: int, requests: Sequence[tuple[int, bytes]]) -> bytes:
    """`encode_all` without the C core."""
    numbered = enumerate(requests, seq)
    return b"".join([encode_in_python(Frame(session, kind, at & 0xFFFF, payload)) for at, (kind, payload) in numbered])


def wire_size(payload_size: int) -> int:
    """Most bytes that a frame with that payload takes on the wire."""
    raw = payload_size + OVERHEAD
    return raw + raw // cobs.MAX_RUN + 1 + 2


@dataclass(frozen=True)
class Checks:
    """Which of a frame's checks are made; all of them, but for tests that show what each is good for."""

    length: bool = True
    crc: bool = True


ALL_CHECKS = Checks()


def parse(piece: bytes, checks: Checks = ALL_CHECKS) -> Frame | None:
    """Frame of the bytes between two delimiters, or None where they are none."""
    try:
        return parse_body(cobs.decode(piece), checks)
    except cobs.CobsError:
        return None


def parse_body(body: bytes, checks: Checks) -> Frame | None:
    """Frame of unstuffed bytes, or None where a check fails."""
    if len(body) < OVERHEAD:
        return None
    session, kind, seq, length = HEADER.unpack_from(body)
    if checks.length and length != len(body) - OVERHEAD:
        return None
    if checks.crc and crc32c(body[:-CRC_SIZE]) != int.from_bytes(body[-CRC_SIZE:], "little"):
        return None
    return Frame(session, kind, seq, body[HEADER.size : -CRC_SIZE])


made_frame: Callable[[tuple[int, int, int, bytes]], Frame] = partial(tuple.__new__, Frame)
"""`Frame(*fields)` without a call of the interpreter."""


class PythonCutter:
    """What `FrameCutter` of the C core does, for hosts without it and for tests that leave a check out."""

    def __init__(self, longest: int, max_payload: int, checks: Checks = ALL_CHECKS) -> None:
        self._longest = longest
        self._max_payload = max_payload
        self._checks = checks

    def cut(self, data: bytes) -> tuple[list[Frame], int, int]:
        """Good frames of `data`, bytes up to the last delimiter, and pieces that were no frame."""
        *complete, rest = data.split(b"\0")
        pieces = [piece for piece in complete if piece]
        found = [parse(piece, self._checks) if len(piece) <= self._longest else None for piece in pieces]
        frames = [frame for frame in found if frame is not None and len(frame.payload) <= self._max_payload]
        return frames, len(data) - len(rest), len(pieces) - len(frames)


class Decoder:
    """Cuts a byte stream into frames, in whatever pieces the bytes come.

    Args:
        max_payload: longer frames are dropped without being kept.

    Attributes:
        bad_frames: pieces dropped so far.
        last_bad: beginning of the last piece dropped, at most 64 bytes, for error messages.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD, checks: Checks = ALL_CHECKS) -> None:
        self.bad_frames = 0
        self.last_bad = b""
        self._checks = checks
        self._max_payload = max_payload
        self._pending = b""
        self._longest = wire_size(max_payload)
        self._cutter: FrameCutter[Frame] | PythonCutter
        if IN_C and checks == ALL_CHECKS:
            self._cutter = FrameCutter(self._longest, max_payload, made_frame)
        else:
            self._cutter = PythonCutter(self._longest, max_payload, checks)

    @property
    def is_between_frames(self) -> bool:
        """No bytes wait for the rest of their frame."""
        return not self._pending

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`."""
        if self._pending:
            data = self._pending + data
        frames, taken, bad = self._cutter.cut(data)
        if bad:
            self.bad_frames += bad
            self.last_bad = self._last_bad_of(data[:taken])
        # An overlong piece keeps only what makes it overlong, so that noise without delimiters takes no memory.
        self._pending = data[taken : taken + self._longest + 1]
        return frames

    def _last_bad_of(self, data: bytes) -> bytes:
        for piece in reversed(data.split(b"\0")):
            frame = parse(piece, self._checks) if len(piece) <= self._longest else None
            if piece and (frame is None or len(frame.payload) > self._max_payload):
                return piece[:64]
        return b""
