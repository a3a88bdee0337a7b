"""What an error says of the bytes that came instead of an answer."""

from __future__ import annotations

SHOWN = 48


def shown_bytes(data: bytes) -> str:
    """First bytes in hexadecimal, and as text where most of them are printable."""
    head = data[:SHOWN]
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in head)
    text = f" = {head.decode('ascii', 'replace')!r}" if head and printable * 10 >= len(head) * 9 else ""
    more = f" and {len(data) - SHOWN} more" if len(data) > SHOWN else ""
    return f"{head.hex(' ')}{text}{more}"
