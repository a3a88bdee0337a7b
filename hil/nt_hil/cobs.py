"""Consistent Overhead Byte Stuffing: bytes without a zero, so that 0x00 can mark both ends of a frame.

Cheshire, Baker: Consistent Overhead Byte Stuffing, IEEE/ACM Transactions on Networking 7(2), 1999.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_RUN = 254
SWEPT_FROM = 256
"""Bytes from which on the array form is the faster one."""


class CobsError(ValueError):
    """A group points beyond the end of the frame or holds a zero."""


def _encode_runs(runs: list[bytes]) -> bytes:
    """`runs` are the pieces between zeros; a run of 254 bytes or more is cut into groups that stand for no zero."""
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


def encode(data: bytes) -> bytes:
    """Stuffed bytes, free of 0x00; at most one byte in 254 longer, plus one."""
    if len(data) < SWEPT_FROM:
        return _encode_runs(data.split(b"\0"))
    # Long frames: every zero becomes the distance to the next one, in one sweep, unless a run is too long for that.
    padded = np.empty(len(data) + 2, np.uint8)
    padded[0] = padded[-1] = 0
    padded[1:-1] = np.frombuffer(data, np.uint8)
    zeros = np.flatnonzero(padded == 0)
    distance = np.diff(zeros)
    if int(distance.max()) > MAX_RUN:
        return _encode_runs(data.split(b"\0"))
    padded[zeros[:-1]] = distance
    return padded[:-1].tobytes()


def decode(data: bytes) -> bytes:
    """Inverse of `encode`.

    Raises:
        CobsError: `data` is not the encoding of anything.
    """
    if 0 in data:
        raise CobsError("a zero inside")
    return _decode_swept(data) if len(data) >= SWEPT_FROM else _decode_groups(data)


def _group_bytes(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Places of the group bytes in order. Each points to the next one: in every round the pointers become twice as
    long, so that a frame of zeros takes as many rounds as its length has bits, not one for each byte."""
    size = len(codes)
    beyond = size + 1
    pointer = np.arange(size + 2)
    pointer[:size] += codes
    np.minimum(pointer, beyond, out=pointer)
    found = np.zeros(1, np.int64)
    while found[-1] < size:
        found = np.concatenate([found, pointer[found]])
        pointer = pointer[pointer]
    if found[-1] == beyond:
        raise CobsError("a group runs over the end")
    return found[found < size]


def _decode_swept(data: bytes) -> bytes:
    """Long frames: find the group bytes, then make all of them zeros at once."""
    plain = np.frombuffer(data, np.uint8).copy()
    groups = _group_bytes(plain)
    if bool((plain[groups] == 0xFF).any()):
        return _decode_groups(data)
    plain[groups] = 0
    return plain[1:].tobytes()


def _decode_groups(data: bytes) -> bytes:
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
