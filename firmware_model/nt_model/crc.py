"""CRC-32C (Castagnoli), as in RFC 3720 appendix B.4; the arithmetic is google-crc32c's."""

from __future__ import annotations

import google_crc32c

PIECE = 1 << 20
"""Bytes handed over at a time: the library takes `bytes` alone, and a large image should not be copied whole."""


def crc32c(data: bytes, rest: memoryview = memoryview(b"")) -> int:
    """CRC-32C of `data` and then `rest`; b"123456789" gives 0xE3069283."""
    crc = int(google_crc32c.value(data))
    for start in range(0, len(rest), PIECE):
        crc = int(google_crc32c.extend(crc, bytes(rest[start : start + PIECE])))
    return crc
