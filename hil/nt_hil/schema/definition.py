"""Message definitions as values, read from `messages.toml` and checked."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nt_model.errors import UsageError

SOURCE = Path(__file__).resolve().parent.parent / "messages.toml"
SCALARS = {"u8": ("B", 1), "u16": ("H", 2), "u32": ("I", 4), "u64": ("Q", 8), "i32": ("i", 4)}
"""Type name: struct character and size in bytes."""
_FIXED = re.compile(r"^u8\[(\d+)\]$")
_TAILS = {"u8[]": 1, "u16[]": 2, "u32[]": 4}


@dataclass(frozen=True)
class FieldDef:
    """One field; `kind` is "scalar", "fixed" (bytes of given length) or "tail" (rest of the payload)."""

    name: str
    type: str
    unit: str
    doc: str

    @property
    def kind(self) -> str:
        if self.type in SCALARS:
            return "scalar"
        return "tail" if self.type in _TAILS else "fixed"

    @property
    def size(self) -> int:
        """Bytes; for a tail the bytes of one element."""
        if self.type in SCALARS:
            return SCALARS[self.type][1]
        if self.type in _TAILS:
            return _TAILS[self.type]
        match = _FIXED.match(self.type)
        if match is None:
            raise UsageError(f"field '{self.name}' has the unknown type '{self.type}'", evidence=str(SOURCE))
        return int(match.group(1))

    @property
    def struct_code(self) -> str:
        return SCALARS[self.type][0] if self.kind == "scalar" else f"{self.size}s"


@dataclass(frozen=True)
class Payload:
    """Layout of one payload: `class_name` in Python, `type_code` on the wire."""

    class_name: str
    c_name: str
    type_code: int
    doc: str
    fields: tuple[FieldDef, ...]

    @property
    def head(self) -> tuple[FieldDef, ...]:
        """The fields of fixed size."""
        return tuple(field for field in self.fields if field.kind != "tail")

    @property
    def tail(self) -> FieldDef | None:
        return self.fields[-1] if self.fields and self.fields[-1].kind == "tail" else None

    @property
    def head_size(self) -> int:
        return sum(field.size for field in self.head)

    @property
    def head_struct(self) -> str:
        return "<" + "".join(field.struct_code for field in self.head)


@dataclass(frozen=True)
class EnumValue:
    name: str
    value: int
    doc: str


@dataclass(frozen=True)
class EnumDef:
    """A closed list (`is_flags` False) or a set of bits."""

    name: str
    doc: str
    is_flags: bool
    values: tuple[EnumValue, ...]


@dataclass(frozen=True)
class Message:
    """A request and its response."""

    name: str
    code: int
    doc: str
    request: Payload
    response: Payload


@dataclass(frozen=True)
class Schema:
    """All of `messages.toml`."""

    major: int
    minor: int
    base_max_payload: int
    base_window: int
    hash: int
    enums: tuple[EnumDef, ...]
    messages: tuple[Message, ...]
    notices: tuple[Payload, ...]

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """Every payload on the wire: requests and responses by message, then the notices."""
        pairs = [payload for message in self.messages for payload in (message.request, message.response)]
        return (*pairs, *self.notices)


def camel(name: str) -> str:
    """CODES_READ as CodesRead."""
    return "".join(word.capitalize() for word in name.split("_"))


def _without_docs(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_docs(item) for key, item in value.items() if key != "doc"}
    if isinstance(value, list):
        return [_without_docs(item) for item in value]
    return value


def schema_hash(table: dict[str, Any]) -> int:
    """First 32 bits of SHA-256 over the definitions as canonical JSON; explanations do not count."""
    canonical = json.dumps(_without_docs(table), sort_keys=True, separators=(",", ":")).encode()
    return int.from_bytes(hashlib.sha256(canonical).digest()[:4], "little")


def _fields(rows: list[dict[str, str]]) -> tuple[FieldDef, ...]:
    fields = tuple(FieldDef(row["name"], row["type"], row.get("unit", ""), row.get("doc", "")) for row in rows)
    if any(field.kind == "tail" for field in fields[:-1]):
        raise UsageError("only the last field of a message may be open-ended", evidence=str([f.name for f in fields]))
    return fields


def _message(row: dict[str, Any], response_bit: int) -> Message:
    name, code, doc = row["name"], row["code"], row["doc"]
    request = Payload(camel(name) + "Request", f"{name}_REQ", code, doc, _fields(row["request"]))
    response = Payload(
        camel(name) + "Response", f"{name}_RSP", code | response_bit, f"Answer to {name}.", _fields(row["response"])
    )
    return Message(name, code, doc, request, response)


def _enum(row: dict[str, Any], is_flags: bool) -> EnumDef:
    values = tuple(EnumValue(v["name"], v["value"], v["doc"]) for v in row["values"])
    if len({v.value for v in values}) != len(values):
        raise UsageError(f"two names of {row['name']} share a value", evidence=str(SOURCE))
    return EnumDef(row["name"], row["doc"], is_flags, values)


def load_schema(path: Path = SOURCE) -> Schema:
    """Read and check the definitions; UsageError where they contradict themselves."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    table: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    protocol = table["protocol"]
    messages = tuple(_message(row, protocol["response_bit"]) for row in table["message"])
    notices = tuple(
        Payload(camel(row["name"]) + "Notice", row["name"], row["code"], row["doc"], _fields(row["fields"]))
        for row in table["notice"]
    )
    schema = Schema(
        protocol["major"],
        protocol["minor"],
        protocol["base_max_payload"],
        protocol["base_window"],
        schema_hash(table),
        (*(_enum(row, False) for row in table["enum"]), *(_enum(row, True) for row in table["flags"])),
        messages,
        notices,
    )
    codes = [payload.type_code for payload in schema.payloads]
    if len(set(codes)) != len(codes):
        raise UsageError("two messages share a type code", evidence=str(path))
    return schema
