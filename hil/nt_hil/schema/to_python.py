"""Generates `nt_hil/messages.py`."""

from __future__ import annotations

from nt_hil.schema.definition import EnumDef, FieldDef, Payload, Schema

BANNER = "Generated from messages.toml by `python -m nt_hil.generate`; do not edit."


def _enum(enum: EnumDef) -> str:
    base = "IntFlag" if enum.is_flags else "IntEnum"
    lines = [f"class {enum.name}({base}):", f'    """{enum.doc}"""', ""]
    for value in enum.values:
        lines.append(f"    {value.name} = {value.value}  # {value.doc}")
    return "\n".join(lines)


def _python_type(field: FieldDef) -> str:
    if field.kind == "scalar":
        return "int"
    return "tuple[int, ...]" if field.kind == "tail" and field.size > 1 else "bytes"


def _attribute_docs(payload: Payload) -> list[str]:
    rows = []
    for field in payload.fields:
        notes = ", ".join(part for part in (field.type, field.unit) if part)
        rows.append(f"        {field.name}: {notes}{'; ' + field.doc if field.doc else ''}.")
    return ["", "    Attributes:", *rows, "    "] if rows else []


def _docstring(payload: Payload) -> list[str]:
    extra = _attribute_docs(payload)
    if not extra:
        return [f'    """{payload.doc}"""']
    return [f'    """{payload.doc}', *extra[:-1], '    """']


def _pack(payload: Payload) -> list[str]:
    head, tail = payload.head, payload.tail
    names = ", ".join(f"self.{field.name}" for field in head)
    parts = [f"self._HEAD.pack({names})"] if head else []
    if tail is not None:
        parts.append(f"self.{tail.name}" if tail.size == 1 else f"pack_tail(self.{tail.name}, {tail.size})")
    return ["    def pack(self) -> bytes:", "        return " + (" + ".join(parts) or 'b""')]


def _parse(payload: Payload) -> list[str]:
    tail, size = payload.tail, payload.head_size
    lines = [
        "    @classmethod",
        f"    def parse(cls, payload: bytes) -> {payload.class_name}:",
        f'        check_size("{payload.class_name}", payload, {size}, {tail.size if tail else 0})',
    ]
    if tail is None:
        return [*lines, f"        return cls({'*cls._HEAD.unpack_from(payload)' if payload.head else ''})"]
    names = "".join(f"{field.name}, " for field in payload.head)
    if payload.head:
        lines.append(f"        ({names.strip()}) = cls._HEAD.unpack_from(payload)")
    rest = f"payload[{size}:]" if size else "payload"
    value = rest if tail.size == 1 else f"parse_tail({rest}, {tail.size})"
    return [*lines, f"        return cls({names}{value})"]


def _payload(payload: Payload) -> str:
    lines = [
        "@dataclass(frozen=True)",
        f"class {payload.class_name}:",
        *_docstring(payload),
        "",
        f"    TYPE: ClassVar[int] = 0x{payload.type_code:02X}",
        f"    HEAD_SIZE: ClassVar[int] = {payload.head_size}",
    ]
    if payload.head:
        lines.append(f'    _HEAD: ClassVar[struct.Struct] = struct.Struct("{payload.head_struct}")')
    lines += [f"    {field.name}: {_python_type(field)}" for field in payload.fields]
    return "\n".join([*lines, "", *_pack(payload), "", *_parse(payload)])


def _names_by_type(schema: Schema) -> str:
    rows = [f'    0x{message.code:02X}: "{message.name}",' for message in schema.messages]
    return "\n".join(["MESSAGE_NAMES = {", *rows, "}", '"""Name of each request type."""'])


def python_source(schema: Schema) -> str:
    """Text of the generated module."""
    head = [
        "# ruff: noqa: E501",
        f'"""Messages of the wire. {BANNER}"""',
        "",
        "from __future__ import annotations",
        "",
        "import struct",
        "from dataclasses import dataclass",
        "from enum import IntEnum, IntFlag",
        "from typing import ClassVar",
        "",
        "from nt_hil.payload import check_size, pack_tail, parse_tail",
        "",
        f"PROTOCOL_MAJOR = {schema.major}",
        f"PROTOCOL_MINOR = {schema.minor}",
        f"SCHEMA_HASH = 0x{schema.hash:08X}",
        f"BASE_MAX_PAYLOAD = {schema.base_max_payload}",
        f"BASE_WINDOW = {schema.base_window}",
        "RESPONSE_BIT = 0x80",
        "",
        _names_by_type(schema),
        "",
    ]
    blocks = [_enum(enum) for enum in schema.enums] + [_payload(payload) for payload in schema.payloads]
    return "\n".join(head) + "\n\n" + "\n\n\n".join(blocks) + "\n"
