"""Consistent Overhead Byte Stuffing: bytes without a zero, so that 0x00 can mark both ends of a frame.

Cheshire, Baker: Consistent Overhead Byte Stuffing, IEEE/ACM Transactions on Networking 7(2), 1999.
"""

from __future__ import annotations

MAX_RUN = 254


class CobsError(ValueError):
    """A group points beyond the end of the frame or holds a zero."""


def encode(data: bytes) -> bytes:
    """Stuffed bytes, free of 0x00; at most one byte in 254 longer, plus one. A run of 254 bytes or more is cut into
    groups that stand for no zero."""
    runs = data.split(b"\0")
    parts: list[bytes] = []
    last = len(runs) - 1
    for index, run in enumerate(runs):
        while len(run) >= MAX_RUN:
            parts.append(b"\xff" + run[:MAX_RUN])
            run = run[MAX_RUN:]
            if index == last and not run:
                return b"".join(parts)
        parts.append(bytes((len(run) + 1,)))
        parts.append(run)
    return b"".join(parts)


def decode(data: bytes) -> bytes:
    """Inverse of `encode`.

    Raises:
        CobsError: `data` is not the encoding of anything.
    """
    if 0 in data:
        raise CobsError("a zero inside")
    parts: list[bytes] = []
    at, size = 0, len(data)
    while at < size:
        code = data[at]
        end = at + code
        if end > size:
            raise CobsError("a group runs over the end")
        parts.append(data[at + 1 : end])
        at = end
        if code != 0xFF and at < size:
            parts.append(b"\0")
    return b"".join(parts)
