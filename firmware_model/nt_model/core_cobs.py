"""Byte stuffing of whole frames in C (firmware/host/nt_host_cobs.c), where the extension is built."""

from __future__ import annotations

from nt_model.core_library import ffi, lib


def stuffed(data: bytes) -> bytes:
    """COBS of `data`, without delimiters."""
    out = ffi.new("uint8_t[]", len(data) + len(data) // 254 + 1)
    return bytes(ffi.buffer(out, lib.nt_host_cobs_encode(data, len(data), out)))


def unstuffed(data: bytes) -> bytes | None:
    """Inverse of `stuffed`; None where `data` is the stuffing of nothing."""
    out = ffi.new("uint8_t[]", len(data) or 1)
    size = lib.nt_host_cobs_decode(data, len(data), out)
    return None if size < 0 else bytes(ffi.buffer(out, size))
