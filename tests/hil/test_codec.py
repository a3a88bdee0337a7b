"""Frames: round trip, refusal of spoiled ones, recovery after garbage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_hil import cobs
from nt_hil.codec import (
    IN_C,
    Checks,
    Decoder,
    Frame,
    PythonCutter,
    encode,
    encode_all,
    encode_all_in_python,
    encode_in_python,
    made_frame,
    parse,
    wire_size,
)
from nt_hil.links.faulty import shortened
from nt_model.core_wire import FrameCutter

frames = st.builds(
    Frame,
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65535),
    st.one_of(
        st.binary(max_size=40),
        st.builds(lambda unit, count: unit * count, st.binary(min_size=1, max_size=3), st.integers(0, 700)),
    ),
)
pieces = st.one_of(
    st.binary(max_size=20), st.integers(250, 260).map(lambda n: b"\x07" * n), st.integers(1, 9).map(bytes)
)
plain = st.lists(pieces, max_size=8).map(b"".join)


def in_c(piece: bytes) -> Frame | None:
    """What the C core makes of the bytes between two delimiters."""
    return next(iter(FrameCutter(wire_size(65535), 65535, made_frame).cut(piece + b"\0")[0]), None)


@given(plain)
@settings(deadline=None)
def test_cobs_round_trip(data: bytes) -> None:
    stuffed = cobs.encode(data)
    assert 0 not in stuffed
    assert cobs.decode(stuffed) == data
    assert len(stuffed) <= len(data) + len(data) // cobs.MAX_RUN + 1


@given(frames)
@settings(deadline=None)
def test_c_and_python_make_the_same_frame(frame: Frame) -> None:
    assert IN_C
    wire = encode(frame)
    assert wire == encode_in_python(frame)
    assert in_c(wire[1:-1]) == parse(wire[1:-1]) == frame


@given(plain)
@settings(deadline=None)
def test_c_and_python_stuff_alike(payload: bytes) -> None:
    frame = Frame(0, 7, 0, payload)
    assert encode(frame) == encode_in_python(frame)
    assert in_c(encode(frame)[1:-1]) == frame


@given(st.one_of(st.binary(max_size=24), st.lists(st.sampled_from([0, 1, 2, 3, 255]), max_size=700).map(bytes)))
@settings(deadline=None)
def test_c_and_python_refuse_alike(noise: bytes) -> None:
    limits = wire_size(65535), 65535
    assert FrameCutter(*limits, made_frame).cut(noise) == PythonCutter(*limits).cut(noise)


@given(st.integers(0, 255), st.integers(0, 65535), st.lists(frames, max_size=6))
@settings(deadline=None)
def test_c_and_python_make_the_same_batch(session: int, seq: int, given_frames: list[Frame]) -> None:
    requests = [(frame.type, frame.payload) for frame in given_frames]
    batch = encode_all(session, seq, requests)
    assert batch == encode_all_in_python(session, seq, requests)
    numbered = [Frame(session, kind, (seq + i) & 0xFFFF, payload) for i, (kind, payload) in enumerate(requests)]
    assert batch == b"".join([encode(frame) for frame in numbered])


@given(st.lists(st.one_of(frames, st.binary(max_size=12)), max_size=6), st.data(), st.integers(0, 80))
@settings(deadline=None)
def test_c_and_python_cut_a_spoiled_stream_alike(
    sent: list[Frame | bytes], data: st.DataObject, max_payload: int
) -> None:
    """Bytes changed, lost and repeated, reads cut anywhere; short limits, so that some frames are too long."""
    wire = bytearray(b"".join(encode(part) if isinstance(part, Frame) else part for part in sent))
    for _ in range(data.draw(st.integers(0, 4)) if wire else 0):
        place = data.draw(st.integers(0, len(wire) - 1))
        again = bytes(wire[place : place + 9])
        wire[place : place + 1] = data.draw(st.sampled_from([b"", b"\0", b"\x01", b"\xff", again]))
        if not wire:
            break
    ours, golden = Decoder(max_payload), Decoder(max_payload)
    golden._cutter = PythonCutter(wire_size(max_payload), max_payload)
    at = 0
    while at < len(wire):
        step = data.draw(st.integers(1, 600))
        part = bytes(wire[at : at + step])
        assert ours.feed(part) == golden.feed(part)
        assert (ours.bad_frames, ours.last_bad, ours._pending) == (golden.bad_frames, golden.last_bad, golden._pending)
        at += step


@given(frames, st.integers(0, 2000), st.integers(1, 255))
@settings(deadline=None)
def test_c_and_python_judge_a_spoiled_frame_alike(frame: Frame, place: int, change: int) -> None:
    piece = bytearray(encode(frame)[1:-1])
    piece[place % len(piece)] ^= change
    limits = wire_size(65535), 65535
    noise = bytes(piece) + b"\0"
    assert FrameCutter(*limits, made_frame).cut(noise) == PythonCutter(*limits).cut(noise)


@pytest.mark.parametrize("spoiled", [b"\x05\x01", b"\x02\x00\x01", b"\xff" + b"a" * 10, b"\x09" * 300])
def test_cobs_refuses_what_is_not_stuffed(spoiled: bytes) -> None:
    with pytest.raises(cobs.CobsError):
        cobs.decode(spoiled)


@given(st.lists(frames, max_size=5), st.lists(st.integers(1, 50), min_size=1))
@settings(deadline=None)
def test_frames_come_back_whatever_the_pieces(sent: list[Frame], cuts: list[int]) -> None:
    wire = b"".join(encode(frame) for frame in sent)
    decoder, got, at = Decoder(), [], 0
    while at < len(wire):
        step = cuts[at % len(cuts)]
        got += decoder.feed(wire[at : at + step])
        at += step
    assert got == sent
    assert decoder.bad_frames == 0


@given(frames)
@settings(deadline=None)
def test_wire_size_is_a_bound(frame: Frame) -> None:
    assert len(encode(frame)) <= wire_size(len(frame.payload))


@given(st.binary(max_size=300), frames)
@settings(deadline=None)
def test_a_frame_after_garbage_is_found(garbage: bytes, frame: Frame) -> None:
    decoder = Decoder()
    got = decoder.feed(garbage) + decoder.feed(encode(frame))
    assert got[-1] == frame


@given(frames, st.data())
@settings(deadline=None)
def test_a_flipped_bit_is_never_taken_for_another_frame(frame: Frame, data: st.DataObject) -> None:
    wire = bytearray(encode(frame))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert all(got == frame for got in Decoder().feed(bytes(wire) + b"\0"))


def test_length_and_crc_must_both_hold() -> None:
    wire = encode(Frame(1, 2, 3, b"payload"))
    short = shortened(wire, 2)
    assert Decoder().feed(short) == []
    assert Decoder(checks=Checks(length=False)).feed(short) == [Frame(1, 2, 3, b"paylo")]
    flipped = wire.replace(b"payl", b"pail")
    assert Decoder().feed(flipped) == []
    assert Decoder().feed(wire) == [Frame(1, 2, 3, b"payload")]


def test_overlong_frames_and_endless_noise_take_no_memory() -> None:
    decoder = Decoder(max_payload=100)
    assert decoder.feed(encode(Frame(1, 2, 3, b"x" * 101))) == []
    for _ in range(100):
        decoder.feed(b"\x55" * 1000)
    assert len(decoder._pending) <= wire_size(100) + 1
    assert decoder.feed(encode(Frame(1, 2, 3, b"x" * 100))) == [Frame(1, 2, 3, b"x" * 100)]
