"""Frames on a byte stream: 0x00, COBS of (header, payload, CRC-32C), 0x00.

Header, little-endian: session u8, type u8, seq u16, length u16 (of the payload). A frame counts only if its length
and its CRC-32C over header and payload both hold; whatever does not is dropped and counted. Where the C core is built,
it makes and reads whole frames: the same bytes, many times faster.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from nt_hil import cobs
from nt_model.crc import crc32c
from nt_model.errors import EnvironmentMissingError

try:
    from nt_model.core_wire import frame_bytes, frame_fields

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

HEADER = struct.Struct("<BBHH")
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
    if not IN_C or (checks is not ALL_CHECKS and checks != ALL_CHECKS):
        return parse_in_python(piece, checks)
    fields = frame_fields(piece)
    return None if fields is None else Frame(*fields)


def parse_in_python(piece: bytes, checks: Checks) -> Frame | None:
    """`parse` without the C core."""
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


@dataclass
class Decoder:
    """Cuts a byte stream into frames, in whatever pieces the bytes come.

    Attributes:
        max_payload: longer frames are dropped without being kept.
        bad_frames: pieces dropped so far.
        last_bad: beginning of the last piece dropped, at most 64 bytes, for error messages.
    """

    max_payload: int = MAX_PAYLOAD
    checks: Checks = ALL_CHECKS
    bad_frames: int = 0
    last_bad: bytes = b""
    _pending: bytes = b""

    def __post_init__(self) -> None:
        self._longest = wire_size(self.max_payload)

    @property
    def is_between_frames(self) -> bool:
        """No bytes wait for the rest of their frame."""
        return not self._pending

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by `data`."""
        if b"\0" not in data:
            self._keep(self._pending + data)
            return []
        *complete, rest = (self._pending + data).split(b"\0")
        frames = []
        for piece in complete:
            frame = parse(piece, self.checks) if 0 < len(piece) <= self._longest else None
            if frame is not None and len(frame.payload) <= self.max_payload:
                frames.append(frame)
            elif piece:
                self.bad_frames += 1
                self.last_bad = piece[:64]
        self._keep(rest)
        return frames

    def _keep(self, rest: bytes) -> None:
        # An overlong piece keeps only what makes it overlong, so that noise without delimiters takes no memory.
        self._pending = rest[: self._longest + 1]
