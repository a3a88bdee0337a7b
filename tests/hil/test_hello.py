"""HELLO, versions, and what is said when something else than a chip is on the line."""

from __future__ import annotations

import pytest

from nt_hil import messages as m
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.exchange import Outgoing
from nt_hil.links.in_process import InProcessLink
from nt_hil.refusal import SessionLostError
from nt_hil.session import Session, SessionOptions
from nt_model.errors import DeviceError, LinkError, VersionMismatchError
from tests.hil.rig import sim_device


class Talker:
    """Something on the line that answers by `reply` instead of the protocol."""

    def __init__(self, reply) -> None:  # type: ignore[no-untyped-def]
        self.reply = reply

    def feed(self, data: bytes) -> bytes:
        return bytes(self.reply(data))


def _hello(device) -> m.HelloResponse:  # type: ignore[no-untyped-def]
    return Session(InProcessLink(device, "/dev/ttyUSB0"), SessionOptions(deadline_s=2.0)).hello()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda data: b"", "/dev/ttyUSB0 is silent; seen: waited 2.0 s for the answer to HELLO, 0 bytes"),
        (lambda data: data, "/dev/ttyUSB0 sends back what it is sent"),
        (lambda data: b"[    0.000000] Booting Linux\r\n", r"not this protocol.*5b 20 20.*Booting Linux"),
        (lambda data: bytes((0x80, 0xFE, 0x00, 0xFF)) * 9, r"not this protocol.*80 fe 00 ff.*baud"),
        (lambda data: data[:-3] + b"\x01\x02\0", r"not this protocol"),
    ],
    ids=["silent", "echo", "boot log", "wrong baud rate", "spoiled echo"],
)
def test_what_is_not_a_chip(reply, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LinkError, match=said) as caught:
        _hello(Talker(reply))
    assert caught.value.next_step


def test_a_boot_log_before_the_answer_does_no_harm() -> None:
    device = sim_device()
    assert _hello(Talker(lambda data: b"U-Boot 2026\r\n> " + device.feed(data))).n_classes == 3


def test_other_protocol_versions_are_named_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    request = m.HelloRequest(2, 3, 0, 1, 512, 8)
    (frame,) = Decoder().feed(sim_device().feed(encode(Frame(0, request.TYPE, 0, request.pack()))))
    notice = m.ErrorNotice.parse(frame.payload)
    assert notice.error == m.ErrorCode.VERSION_MISMATCH
    device = Talker(lambda data: encode(Frame(1, m.HelloResponse.TYPE, 0, bytes([2, 3]) + b"newer layout")))
    with pytest.raises(VersionMismatchError, match=r"protocol 2\.3.*this program 1\.0"):
        _hello(device)
    refusing = Talker(lambda data: encode(Frame(0, m.ErrorNotice.TYPE, 0, m.ErrorNotice(1, 4, 0, 0x203, 0).pack())))
    with pytest.raises(VersionMismatchError, match=r"protocol 2\.3.*this program 1\.0"):
        _hello(refusing)


def test_other_definitions_under_the_same_version_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = sim_device()
    wire = b""

    def other(data: bytes) -> bytes:
        nonlocal wire
        (frame,) = Decoder().feed(answered.feed(data))
        payload = bytearray(frame.payload)
        payload[2:6] = b"\1\2\3\4"
        return encode(Frame(frame.session, frame.type, frame.seq, bytes(payload)))

    with pytest.raises(VersionMismatchError, match="schema 04030201"):
        _hello(Talker(other))


def test_the_same_hello_again_gets_the_same_answer_and_another_a_new_session() -> None:
    device = sim_device()
    request = m.HelloRequest(m.PROTOCOL_MAJOR, m.PROTOCOL_MINOR, m.SCHEMA_HASH, 77, 4096, 99)
    wire = encode(Frame(0, request.TYPE, 500, request.pack()))
    answer = device.feed(wire)
    assert device.feed(wire) == answer
    (first,) = Decoder().feed(answer)
    other = m.HelloRequest(m.PROTOCOL_MAJOR, m.PROTOCOL_MINOR, m.SCHEMA_HASH, 78, 4096, 99)
    (second,) = Decoder().feed(device.feed(encode(Frame(0, other.TYPE, 500, other.pack()))))
    assert first.session != second.session
    assert m.HelloResponse.parse(first.payload).max_payload == 512
    assert m.HelloResponse.parse(first.payload).window == 8


def test_unknown_and_malformed_messages_are_refused() -> None:
    session = Session(InProcessLink(sim_device()))
    session.hello()
    with pytest.raises(DeviceError, match="UNKNOWN_MESSAGE"):
        session.exchange([Outgoing(0x6F, b"weights")])
    with pytest.raises(DeviceError, match="BAD_PAYLOAD"):
        session.exchange([Outgoing(m.CodesReadRequest.TYPE, b"x")])
    assert len(session.exchange([Outgoing(m.StatusRequest.TYPE, b"")])) == 1


def test_goodbye_ends_the_session() -> None:
    session = Session(InProcessLink(sim_device()))
    session.hello()
    session.exchange([Outgoing(m.GoodbyeRequest.TYPE, b"")])
    with pytest.raises(SessionLostError):
        session.exchange([Outgoing(m.StatusRequest.TYPE, b"")])
    session.hello()
    session.exchange([Outgoing(m.StatusRequest.TYPE, b"")])
