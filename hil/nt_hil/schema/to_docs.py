"""Generates the tables of `docs/spec_wire.md`, between two markers; the text around them is written by hand."""

from __future__ import annotations

from nt_hil.schema.definition import EnumDef, Payload, Schema

BEGIN = "<!-- generated tables: begin (python -m nt_hil.generate) -->"
END = "<!-- generated tables: end -->"


def _enum(enum: EnumDef) -> list[str]:
    rows = [f"| {value.value} | {value.name} | {value.doc} |" for value in enum.values]
    return [f"#### {enum.name}", "", enum.doc, "", "| value | name | meaning |", "|---|---|---|", *rows, ""]


def _payload(payload: Payload) -> list[str]:
    if not payload.fields:
        return [f"`{payload.c_name}` 0x{payload.type_code:02X}: empty payload.", ""]
    lines = [
        f"`{payload.c_name}` 0x{payload.type_code:02X}:",
        "",
        "| offset | field | type | unit | meaning |",
        "|---|---|---|---|---|",
    ]
    offset = 0
    for field in payload.fields:
        lines.append(f"| {offset} | {field.name} | {field.type} | {field.unit} | {field.doc} |")
        offset += field.size
    return [*lines, ""]


def tables(schema: Schema) -> str:
    """Markdown of all messages and enumerations."""
    lines = [f"Protocol {schema.major}.{schema.minor}, schema hash 0x{schema.hash:08X}.", "", "### Messages", ""]
    for message in schema.messages:
        lines += [f"#### {message.name}", "", message.doc, "", *_payload(message.request), *_payload(message.response)]
    for notice in schema.notices:
        lines += [f"#### {notice.c_name}", "", notice.doc, "", *_payload(notice)]
    lines += ["### Enumerations", ""]
    for enum in schema.enums:
        lines += _enum(enum)
    return "\n".join(lines)


def with_tables(page: str, schema: Schema) -> str:
    """`page` with the part between the markers replaced; a page without markers gets them at its end."""
    block = f"{BEGIN}\n\n{tables(schema)}\n{END}"
    before, found, rest = page.partition(BEGIN)
    if not found:
        return f"{page.rstrip()}\n\n{block}\n"
    _, _, after = rest.partition(END)
    return f"{before}{block}{after}"
