"""The chip under judgement on its link, and what every check does with it: sessions, and bytes sent exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo
from nt_hil.client import ChipClient
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.exchange import Outgoing
from nt_hil.links.base import Link
from nt_hil.session import Session, SessionOptions
from nt_model.image import Image

DEADLINE_S = 6.0
QUIET_S = 0.2
MARKER_BEGIN = b"\0nt-host firmware "
MARKER_END = b"\n\0"
SEED = 11


@dataclass(frozen=True)
class Bench:
    """A port of the firmware, running.

    Attributes:
        name: of the port, for messages.
        link: to its UART; all checks share it, as they would on a board.
        image: what its ROM holds.
        baud: rate of the line, or what it is like.
        silence_s: NT_SILENCE_US of its firmware, in seconds.
        was_powered_on: this run switched its power on, so that the first boot has that reason.
        first: HELLO of the first session.
    """

    name: str
    link: Link
    image: Image
    baud: int
    silence_s: float
    was_powered_on: bool
    first: ChipInfo

    def client(self) -> ChipClient:
        """A new session, after whatever an earlier check left on the line."""
        quiet(self.link)
        return connect(self.link, self.baud)

    def session(self) -> tuple[Session, m.HelloResponse]:
        quiet(self.link)
        session = Session(self.link, SessionOptions(DEADLINE_S, max_payload=4096, baud=self.baud))
        return session, session.hello()

    def samples(self, count: int) -> ByteArray:
        """Events (count, inputs) of 0 and 1, always the same ones."""
        return (np.random.default_rng(SEED).random((count, self.image.n_inputs)) < 0.3).astype(np.uint8)

    def codes(self, turn: int) -> ByteArray:
        """A code set that differs from turn to turn, inside any sensible range."""
        return np.random.default_rng((SEED, turn)).integers(100, 156, self.image.n_codes).astype(np.uint8)


def connect(link: Link, baud: int) -> ChipClient:
    return ChipClient(Session(link, SessionOptions(DEADLINE_S, max_payload=4096, baud=baud)))


def quiet(link: Link) -> None:
    """Read until nothing comes any more."""
    while link.read(QUIET_S):
        pass


def frames_of(session: Session, requests: Sequence[Outgoing]) -> list[bytes]:
    """The requests' bytes, each a whole frame, as the next ones of `session`."""
    wires = []
    for request in requests:
        wires.append(encode(Frame(session._session, request.type, session._seq, request.payload)))
        session._seq = (session._seq + 1) & 0xFFFF
    return wires


def answers_until_quiet(link: Link, count: int) -> list[Frame]:
    """At most `count` frames; fewer where the line falls silent for longer than any answer takes. Nothing is asked for
    again, so that a byte lost in either direction shows."""
    decoder = Decoder()
    frames: list[Frame] = []
    until = link.now() + DEADLINE_S
    while len(frames) < count and link.now() < until:
        data = link.read(until - link.now())
        frames += [frame for frame in decoder.feed(data) if frame.type & m.RESPONSE_BIT]
        if data:
            until = link.now() + DEADLINE_S / 2
    assert decoder.bad_frames == 0, f"{decoder.bad_frames} spoiled frames came, the last begins {decoder.last_bad!r}"
    return frames


def answered_once(link: Link, wires: Sequence[bytes], kinds: Sequence[int]) -> list[Frame]:
    """Sends all `wires` in one piece and expects exactly their answers, of types `kinds`, in order."""
    link.write(b"".join(wires))
    frames = answers_until_quiet(link, len(wires))
    seen = [frame.type for frame in frames]
    assert seen == [kind | m.RESPONSE_BIT for kind in kinds], (
        f"{len(wires)} frames sent at once, answers of types {[hex(kind) for kind in seen]}"
    )
    return frames


def status_request() -> Outgoing:
    request = m.StatusRequest()
    return Outgoing(request.TYPE, request.pack())
