"""CRC-32C (Castagnoli), as in RFC 3720 appendix B.4; the arithmetic is google-crc32c's."""

from __future__ import annotations

import google_crc32c


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`; b"123456789" gives 0xE3069283."""
    return int(google_crc32c.value(data))
