"""Payloads of a learning loop's requests, made in C from arrays (firmware/host/nt_host_requests.h).

Each call gives None for what does not fit one request or cannot be asked for; the caller then goes the general way,
which also tells what is wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_model.core_library import ffi, lib

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
_BYTES, _INT64 = ffi.typeof("uint8_t[]"), ffi.typeof("int64_t[]")
_FIXED_PART = 16
"""At least the fixed part of each of these messages."""


def codes_write_payload(before: ByteArray, after: ByteArray, revision: int, max_payload: int) -> bytes | None:
    """CODES_WRITE that turns `before` into `after`, both (n_codes,) uint8, at base `revision`; without data where they
    are the same."""
    count = len(after)
    if len(before) != count:
        return None
    out = ffi.new(_BYTES, count + _FIXED_PART)
    old = ffi.from_buffer(_BYTES, np.ascontiguousarray(before, np.uint8))
    new = ffi.from_buffer(_BYTES, np.ascontiguousarray(after, np.uint8))
    size = lib.nt_host_codes_write(old, new, count, revision, max_payload, out)
    return ffi.buffer(out, size)[:] if size else None


def present_payload(head: bytes, slots: Int64Array, held: int) -> bytes | None:
    """PRESENT of `slots` (B,) int64, B >= 1, of which 0..held-1 exist; `head` is its fixed part."""
    count = len(slots)
    out = ffi.new(_BYTES, 2 * count + _FIXED_PART)
    named = ffi.from_buffer(_INT64, np.ascontiguousarray(slots, np.int64))
    size = lib.nt_host_present_write(head, named, count, held, out)
    return ffi.buffer(out, size)[:] if size else None


def step_block(
    codes: tuple[ByteArray, ByteArray, int], max_payload: int, head: bytes, slots: Int64Array, held: int
) -> bytes | None:
    """A step of the host loop as `core_wire.block_frames` takes it: CODES_WRITE, left out where no code changes, and
    PRESENT. `codes` are those before and after, in one piece each, and the base revision; the rest as
    `present_payload`."""
    before, after, revision = codes
    n_codes, count = len(after), len(slots)
    if len(before) != n_codes:
        return None
    out = ffi.new(_BYTES, n_codes + 2 * count + 3 * _FIXED_PART)
    old, new = ffi.from_buffer(_BYTES, before), ffi.from_buffer(_BYTES, after)
    named = ffi.from_buffer(_INT64, np.ascontiguousarray(slots, np.int64))
    size = lib.nt_host_step_write(old, new, n_codes, revision, max_payload, head, named, count, held, out)
    return ffi.buffer(out, size)[:] if size else None


def learn_payload(step: int, rate_q8: int, slots: Int64Array, labels: Int64Array, held: int) -> bytes | None:
    """LEARN number `step` of a batch: `slots` (B,) int64, of which 0..held-1 exist, and `labels` (B,) int64."""
    count = len(slots)
    if len(labels) != count:
        return None
    out = ffi.new(_BYTES, 4 * count + _FIXED_PART)
    named = ffi.from_buffer(_INT64, np.ascontiguousarray(slots, np.int64))
    classes = ffi.from_buffer(_INT64, np.ascontiguousarray(labels, np.int64))
    size = lib.nt_host_learn_write(step, rate_q8, named, classes, count, held, out)
    return ffi.buffer(out, size)[:] if size else None
