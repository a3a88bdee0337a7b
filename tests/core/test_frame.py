"""The frame codec of the C core, held against a second one written here from the specification alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.core import CoreResultError, Frame, FrameDecoder, encode_frame
from nt_model.crc import crc32c
from tests.core.test_array import many

COBS, LENGTH, CRC, SPACE = -32, -33, -34, -35
ROOM = 600

payloads = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 520).map(lambda n: b"\x11" * n),
    st.integers(0, 520).map(bytes),
    st.lists(st.sampled_from([b"\0", b"\xff", b"\1" * 254, b"\2" * 253]), max_size=2).map(b"".join),
)
frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535), payloads)


def stuffed(data: bytes) -> bytes:
    """COBS by its definition: groups between zeros, cut at 254 bytes."""
    out = b""
    groups = data.split(b"\0")
    for index, group in enumerate(groups):
        while len(group) > 254 or (len(group) == 254 and index == len(groups) - 1):
            out, group = out + b"\xff" + group[:254], group[254:]
            if not group and index == len(groups) - 1:
                return out
        if len(group) == 254:
            out, group = out + b"\xff" + group, b""
        out += bytes([len(group) + 1]) + group
    return out


def body_of(frame: Frame) -> bytes:
    head = bytes([frame.session, frame.type]) + frame.seq.to_bytes(2, "little")
    body = head + len(frame.payload).to_bytes(2, "little") + frame.payload
    return body + crc32c(body).to_bytes(4, "little")


def unstuffed(data: bytes) -> bytes | None:
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        if code == 0 or at + code > len(data):
            return None
        out += data[at + 1 : at + code]
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def reference_results(line: bytes, room: int) -> list[Frame | int]:
    """What a decoder with a buffer of `room` bytes finds on the line, up to the last delimiter."""
    found: list[Frame | int] = []
    for piece in line.split(b"\0")[:-1]:
        if piece:
            found.append(reference_result(piece, room))
    return found


def reference_result(piece: bytes, room: int) -> Frame | int:
    body = unstuffed(piece)
    if body is None:
        # Up to its missing end the block counts against the room as it comes.
        return SPACE if partial_length(piece) > room else COBS
    if len(body) > room:
        return SPACE
    if len(body) < 10 or int.from_bytes(body[4:6], "little") != len(body) - 10:
        return LENGTH
    if crc32c(body[:-4]) != int.from_bytes(body[-4:], "little"):
        return CRC
    return Frame(body[0], body[1], int.from_bytes(body[2:4], "little"), body[6:-4])


def partial_length(piece: bytes) -> int:
    length, at, zero = 0, 0, False
    while at < len(piece):
        code = piece[at]
        length += zero + len(piece[at + 1 : at + code])
        zero = code < 255
        at += code
    return length


@many
@given(frames)
def test_encoder_writes_what_the_specification_says(frame: Frame) -> None:
    assert encode_frame(frame) == b"\0" + stuffed(body_of(frame)) + b"\0"


@many
@given(st.lists(frames, max_size=3), st.integers(1, 50))
def test_frames_come_back_however_the_line_cuts_them(sent: list[Frame], cut: int) -> None:
    line = b"".join(encode_frame(frame) for frame in sent)
    decoder = FrameDecoder(ROOM)
    found = [result for at in range(0, len(line), cut) for result in decoder.push(line[at : at + cut])]
    assert found == sent


@many
@given(st.binary(max_size=300), st.integers(0, 60))
def test_garbage_gets_the_reference_verdict(line: bytes, room: int) -> None:
    line += b"\0"
    assert FrameDecoder(room).push(line) == reference_results(line, room + 10)


@many
@given(frames, st.data())
def test_damage_is_found_and_the_next_frame_is_read(frame: Frame, data: st.DataObject) -> None:
    line = bytearray(encode_frame(frame))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    follower = Frame(1, 2, 3, b"next")
    found = FrameDecoder(ROOM).push(bytes(line) + encode_frame(follower))
    assert found == reference_results(bytes(line) + encode_frame(follower), ROOM + 10)
    assert frame not in found or at in (0, len(line) - 1)
    assert found[-1] == follower


@pytest.mark.parametrize("spare", [-1, 0])
def test_a_frame_may_fill_the_buffer_but_not_outgrow_it(spare: int) -> None:
    frame = Frame(1, 2, 3, bytes(range(200)))
    found = FrameDecoder(200 + spare).push(encode_frame(frame))
    assert found == ([frame] if spare == 0 else [SPACE])


def test_a_line_without_delimiters_never_ends_and_never_overruns() -> None:
    decoder = FrameDecoder(16)
    assert decoder.push(b"\x05" * 100_000) == []
    assert decoder.push(b"\0" + encode_frame(Frame(9, 8, 7, b"ok"))) == [SPACE, Frame(9, 8, 7, b"ok")]


def test_payload_beyond_sixteen_bits_is_refused() -> None:
    with pytest.raises((OverflowError, CoreResultError)):
        encode_frame(Frame(1, 2, 3, bytes(65536)))
