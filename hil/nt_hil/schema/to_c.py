"""Generates `firmware/core/nt_messages.h`: type codes, enumerations, sizes and offsets."""

from __future__ import annotations

from nt_hil.schema.definition import EnumDef, Payload, Schema

_PREFIX = {
    "ErrorCode": "ERR",
    "ResetReason": "RESET_REASON",
    "Packing": "PACKING",
    "CodeForm": "CODE_FORM",
    "Capability": "CAP",
    "ReadoutFlag": "READOUT",
    "ChunkFlag": "CHUNK",
}


def _define(name: str, value: str, doc: str = "") -> str:
    return f"#define NT_{name} {value}" + (f" /* {doc} */" if doc else "")


def _enum(enum: EnumDef) -> list[str]:
    prefix = _PREFIX[enum.name]
    return [f"/* {enum.doc} */", *(_define(f"{prefix}_{v.name}", f"{v.value}u", v.doc) for v in enum.values), ""]


def _payload(payload: Payload) -> list[str]:
    lines = [
        f"/* {payload.doc} */",
        _define(f"TYPE_{payload.c_name}", f"0x{payload.type_code:02X}u"),
        _define(f"{payload.c_name}_SIZE", f"{payload.head_size}u", "bytes of the fixed part"),
    ]
    offset = 0
    for field in payload.fields:
        note = ", ".join(part for part in (field.type, field.unit) if part)
        lines.append(_define(f"{payload.c_name}_{field.name.upper()}_AT", f"{offset}u", note))
        offset += field.size
    return [*lines, ""]


def c_header(schema: Schema) -> str:
    """Text of the generated header."""
    lines = [
        "/* Messages of the wire. Generated from messages.toml by `python -m nt_hil.generate`; do not edit.",
        " * Names: NT_TYPE_x is a message type, NT_x_SIZE the fixed part of its payload, NT_x_y_AT where field y is.",
        " * Multi-byte fields are little-endian and unaligned. */",
        "#ifndef NT_MESSAGES_H",
        "#define NT_MESSAGES_H",
        "",
        _define("PROTOCOL_MAJOR", f"{schema.major}u"),
        _define("PROTOCOL_MINOR", f"{schema.minor}u"),
        _define("SCHEMA_HASH", f"0x{schema.hash:08X}u"),
        _define("BASE_MAX_PAYLOAD", f"{schema.base_max_payload}u"),
        _define("BASE_WINDOW", f"{schema.base_window}u"),
        _define("RESPONSE_BIT", "0x80u"),
        "",
    ]
    for enum in schema.enums:
        lines += _enum(enum)
    for payload in schema.payloads:
        lines += _payload(payload)
    return "\n".join([*lines, "#endif", ""])
