"""What is generated from `messages.toml` is current, and the golden frames mean what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_hil import messages
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.generate import main, stale_files
from nt_hil.payload import PayloadError
from nt_hil.schema.definition import FieldDef, Payload, load_schema, schema_hash

SCHEMA = load_schema()
GOLDEN = json.loads((Path(__file__).parent / "golden_frames.json").read_text())


def test_generated_files_are_current() -> None:
    assert stale_files(SCHEMA) == []
    assert main(["--check"]) == 0


def test_the_hash_is_in_all_of_them() -> None:
    assert messages.SCHEMA_HASH == SCHEMA.hash == GOLDEN["schema_hash"]


def test_explanations_do_not_change_the_hash() -> None:
    assert schema_hash({"a": [{"doc": "x", "b": 1}]}) == schema_hash({"a": [{"doc": "y", "b": 1}]})
    assert schema_hash({"a": [{"b": 1}]}) != schema_hash({"a": [{"b": 2}]})


def test_no_message_writes_a_weight() -> None:
    assert not [payload.c_name for payload in SCHEMA.payloads if "WEIGHT" in payload.c_name]
    assert not [field.name for payload in SCHEMA.payloads for field in payload.fields if "weight" in field.name]


@pytest.mark.parametrize("record", GOLDEN["frames"], ids=lambda record: f"{record['name']}-{len(record['payload'])}")
def test_golden_frames(record: dict[str, str]) -> None:
    frame = Frame(record["session"], record["type"], record["seq"], bytes.fromhex(record["payload"]))
    assert encode(frame).hex() == record["wire"]
    assert Decoder().feed(bytes.fromhex(record["wire"])) == [frame]
    name = next(p.class_name for p in SCHEMA.payloads if p.c_name == record["name"])
    assert getattr(messages, name).parse(frame.payload).pack() == frame.payload


def _value(field: FieldDef) -> st.SearchStrategy[object]:
    if field.kind == "scalar":
        return st.integers(0, 2 ** (8 * field.size) - 1)
    if field.kind == "fixed":
        return st.binary(min_size=field.size, max_size=field.size)
    return st.binary(max_size=9) if field.size == 1 else st.tuples(st.integers(0, 256**field.size - 1))


@pytest.mark.parametrize("payload", SCHEMA.payloads, ids=lambda payload: payload.c_name)
@given(data=st.data())
def test_pack_and_parse_mirror(payload: Payload, data: st.DataObject) -> None:
    kind = getattr(messages, payload.class_name)
    message = kind(*(data.draw(_value(field)) for field in payload.fields))
    assert kind.parse(message.pack()) == message
    assert payload.type_code == kind.TYPE
    if payload.head_size or payload.tail is None:
        with pytest.raises(PayloadError):
            kind.parse(message.pack()[: payload.head_size - 1] if payload.head_size else b"x")
