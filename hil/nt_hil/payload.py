"""Helpers of the generated message classes: what a payload that does not fit its definition raises."""

from __future__ import annotations

import struct

from nt_model.errors import LinkError

_ELEMENT = {2: "H", 4: "I"}


class PayloadError(LinkError):
    """A payload does not fit the definition of its message."""


def check_size(name: str, payload: bytes, head_size: int, element_size: int) -> None:
    """Refuse a payload of the wrong length; `element_size` 0 means that nothing may follow the head."""
    rest = len(payload) - head_size
    if rest < 0 or (rest and (element_size == 0 or rest % element_size)):
        raise PayloadError(
            f"the payload does not fit {name}",
            evidence=f"{len(payload)} bytes, its fixed part has {head_size}, elements of {element_size}",
            next_step="update the firmware or nt-host so that both have the same message definitions",
        )


def pack_tail(values: tuple[int, ...], element_size: int) -> bytes:
    """Little-endian integers of 2 or 4 bytes."""
    return struct.pack(f"<{len(values)}{_ELEMENT[element_size]}", *values)


def parse_tail(data: bytes, element_size: int) -> tuple[int, ...]:
    """Inverse of `pack_tail`; `data` is a whole number of elements."""
    return struct.unpack(f"<{len(data) // element_size}{_ELEMENT[element_size]}", data)
