"""Generates golden frames: one frame per payload with known contents, for every codec to be held against."""

from __future__ import annotations

import json
import struct

from nt_hil.codec import Frame, encode
from nt_hil.schema.definition import FieldDef, Payload, Schema

_TAIL_BYTES = 432
"""Long enough for COBS groups of 254 bytes without a zero, short enough for a device with the base payload of 512."""


def _pattern(seed: int, length: int) -> bytes:
    """Bytes that hold zeros, 0xFF and long runs of neither."""
    return bytes(0 if (i + seed) % 277 < 2 else (i * 29 + seed * 7) % 255 + 1 for i in range(length))


def _scalar(field: FieldDef, seed: int) -> int:
    raw = _pattern(seed, field.size)
    return int(struct.unpack(f"<{field.struct_code}", raw)[0])


def _payload_bytes(payload: Payload, seed: int, tail_bytes: int) -> tuple[bytes, dict[str, object]]:
    parts: list[bytes] = []
    fields: dict[str, object] = {}
    for index, field in enumerate(payload.fields):
        if field.kind == "scalar":
            fields[field.name] = _scalar(field, seed + index)
            parts.append(struct.pack(f"<{field.struct_code}", fields[field.name]))
        else:
            raw = _pattern(seed + index, field.size if field.kind == "fixed" else tail_bytes // field.size * field.size)
            fields[field.name] = raw.hex()
            parts.append(raw)
    return b"".join(parts), fields


def _record(payload: Payload, seed: int, tail_bytes: int) -> dict[str, object]:
    data, fields = _payload_bytes(payload, seed, tail_bytes)
    frame = Frame(session=seed % 256, type=payload.type_code, seq=seed * 257 % 65536, payload=data)
    return {
        "name": payload.c_name,
        "session": frame.session,
        "type": frame.type,
        "seq": frame.seq,
        "fields": fields,
        "payload": data.hex(),
        "wire": encode(frame).hex(),
    }


def golden_frames(schema: Schema) -> str:
    """JSON: a list of {name, session, type, seq, fields, payload, wire}; byte strings in hexadecimal."""
    records = []
    for seed, payload in enumerate(schema.payloads):
        records.append(_record(payload, seed, 24))
        if payload.tail is not None:
            records.append(_record(payload, seed + 100, 0))
            records.append(_record(payload, seed + 200, _TAIL_BYTES))
    head = {"generated": "from messages.toml by `python -m nt_hil.generate`; do not edit", "schema_hash": schema.hash}
    return json.dumps({**head, "frames": records}, indent=1) + "\n"
