"""Host side of the link: HELLO, then exchanges with a deadline, over any byte stream."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from nt_hil import messages as m
from nt_hil.codec import ALL_CHECKS, Checks, Decoder, Frame, encode, wire_size
from nt_hil.evidence import shown_bytes
from nt_hil.exchange import Exchange, Outgoing
from nt_hil.links.base import Link
from nt_hil.refusal import error_of
from nt_hil.rto import RetransmissionTimer
from nt_hil.traffic import BITS_PER_BYTE, TrafficCounter
from nt_model.errors import LinkError, NtError, VersionMismatchError

HOST_MAX_PAYLOAD = 65535
HOST_WINDOW = 32
HOST_VERSION = f"{m.PROTOCOL_MAJOR}.{m.PROTOCOL_MINOR}, schema {m.SCHEMA_HASH:08x}"
GOODBYE_DEADLINE_S = 1.0
_SEEN_KEPT = 4096
_RESPONSE_BIT = m.RESPONSE_BIT


@dataclass(frozen=True)
class SessionOptions:
    """How a host talks.

    Attributes:
        deadline_s: longest silence that a call bears: the time without any new answer after which it gives up.
        max_payload, window: what the host offers in HELLO.
        baud: rate of the line, by which the retransmission time-out allows for long frames; 0 where there is none.
        checks: checks made on frames; for tests only.
    """

    deadline_s: float = 5.0
    max_payload: int = HOST_MAX_PAYLOAD
    window: int = HOST_WINDOW
    baud: int = 0
    checks: Checks = ALL_CHECKS


class Session:
    """Speaks the protocol over `link`; owns the link. `hello` first, then any number of `exchange`."""

    def __init__(self, link: Link, options: SessionOptions | None = None) -> None:
        self.link = link
        self.options = options or SessionOptions()
        self.counter = TrafficCounter()
        self.timer = RetransmissionTimer()
        self._decoder = Decoder(checks=self.options.checks)
        self._session = 0
        self._seq = 0
        self._window = 1
        self._seen = b""
        self._good_frames = 0
        self._echoes = 0
        self.broken = False
        """An exchange ended without all of its answers: say HELLO and ask where the device stands."""

    def hello(self) -> m.HelloResponse:
        """Open a new session.

        Raises:
            LinkError: silence, an echo, or bytes of something else; says which, and shows the first of them.
            VersionMismatchError: the device speaks another version; names both.
        """
        nonce = secrets.randbits(32)
        request = m.HelloRequest(
            m.PROTOCOL_MAJOR, m.PROTOCOL_MINOR, m.SCHEMA_HASH, nonce, self.options.max_payload, self.options.window
        )
        wire = encode(Frame(0, request.TYPE, self._seq, request.pack()))
        answer = self._hello_answer(wire, nonce)
        self._session = answer[0].session
        self._window = answer[1].window
        if self.options.baud:
            self.timer.allow_for_line(wire_size(answer[1].max_payload) * BITS_PER_BYTE / self.options.baud)
        self._seq = (self._seq + 1) & 0xFFFF
        self.broken = False
        return answer[1]

    def _hello_answer(self, wire: bytes, nonce: int) -> tuple[Frame, m.HelloResponse]:
        started = self.link.now()
        timer = RetransmissionTimer()
        while True:
            self._send(wire)
            self.counter.frames_sent += 1
            sent = self.link.now()
            while (left := sent + timer.timeout_s - self.link.now()) > 0:
                for frame in self._receive(min(left, max(0.0, started + self.options.deadline_s - self.link.now()))):
                    if frame.seq == self._seq and (response := self._as_hello(frame, nonce)) is not None:
                        return frame, response
                if self.link.now() - started >= self.options.deadline_s:
                    raise self._silence("HELLO", self.link.now() - started)
            timer.expired()
            self.counter.retransmissions += 1

    def _as_hello(self, frame: Frame, nonce: int) -> m.HelloResponse | None:
        if frame.type == m.ErrorNotice.TYPE:
            notice = m.ErrorNotice.parse(frame.payload)
            if notice.request_type == m.HelloRequest.TYPE:
                raise error_of(notice, HOST_VERSION)
        if frame.type != m.HelloResponse.TYPE or len(frame.payload) < 2:
            return None
        if frame.payload[0] != m.PROTOCOL_MAJOR:
            raise _other_version(frame.payload)
        response = m.HelloResponse.parse(frame.payload)
        if response.protocol_minor == m.PROTOCOL_MINOR and response.schema_hash != m.SCHEMA_HASH:
            raise _other_version(frame.payload, response.schema_hash)
        return response if response.nonce == nonce else None

    def _send(self, data: bytes) -> None:
        self.link.write(data)
        self.counter.bytes_sent += len(data)

    def _receive(self, timeout_s: float) -> list[Frame]:
        data = self.link.read(timeout_s)
        self.counter.bytes_received += len(data)
        frames = self._decoder.feed(data)
        if not self._good_frames:
            self._seen = (self._seen + data)[:_SEEN_KEPT]
        answers = [frame for frame in frames if frame.type & _RESPONSE_BIT]
        count = len(answers)
        self._echoes += len(frames) - count
        self._good_frames += count
        self.counter.frames_received += count
        return answers

    def exchange(self, requests: Sequence[Outgoing]) -> list[Frame]:
        """Send `requests` in order and give their answers in that order.

        Raises:
            LinkError: no new answer for `deadline_s` seconds.
            DeviceError, SafetyError, SessionLostError: the device refused one; the others were still handled, and the
                first refusal is the one raised.
        """
        run = Exchange(requests, self._session, self._seq, self._window)
        self._seq = (self._seq + run.count) & 0xFFFF
        # Until all is answered nobody knows what the device has executed, and only HELLO can tell.
        self.broken = True
        try:
            self._drive(run)
        finally:
            self.counter.frames_sent += run.frames_sent
            self.counter.retransmissions += run.retransmissions
        self.broken = False
        answers = cast("list[Frame]", run.answers)
        for answer in answers:
            if answer.type == m.ErrorNotice.TYPE:
                raise error_of(m.ErrorNotice.parse(answer.payload), HOST_VERSION)
        return answers

    def _drive(self, run: Exchange) -> None:
        now = progress_at = heard_at = self.link.now()
        bytes_before = self.counter.bytes_received
        while not run.done:
            fresh = run.fill(now)
            if fresh:
                self._send(fresh)
                now = self.link.now()
            silence_s = now - progress_at
            if silence_s >= self.options.deadline_s:
                raise self._silence(run.waiting_for, silence_s, self.counter.bytes_received - bytes_before)
            # As in RFC 6298, 5.3, the timer starts anew with whatever is heard: a long answer may be arriving.
            expires_s = max(run.oldest_sent_at(), heard_at) + self.timer.timeout_s - now
            if expires_s <= 0:
                self.timer.expired()
                self._send(run.everything_again(now))
                now = self.link.now()
                continue
            received, repeated = self.counter.bytes_received, run.retransmissions
            frames = self._receive(min(expires_s, self.options.deadline_s - silence_s))
            now = self.link.now()
            if self.counter.bytes_received != received:
                heard_at = now
            answered = run.take_in_turn(frames, now, self.timer.measured)
            if answered < len(frames):
                answered += self._take_in(run, frames[answered:], now)
            if answered:
                progress_at = now
                self.timer.progressed()
            if run.retransmissions != repeated:
                now = self.link.now()

    def _take_in(self, run: Exchange, frames: Sequence[Frame], now: float) -> int:
        """Act on what came out of turn; gives how many answers were new."""
        answered = 0
        again = b""
        for frame in frames:
            if frame.session != self._session:
                continue
            if frame.type == m.NakNotice.TYPE:
                again += run.on_nak(m.NakNotice.parse(frame.payload).expected, now)
                continue
            resend = run.on_answer(frame, now, self.timer.measured)
            if resend is not None:
                answered += 1
                again += resend
        if again:
            self._send(again)
        return answered

    def _silence(self, waited_for: str, seconds: float, received: int | None = None) -> NtError:
        count = self.counter.bytes_received if received is None else received
        where = self.link.describe()
        waited = f"waited {seconds:.1f} s for the answer to {waited_for}, {count} bytes received"
        if self._good_frames:
            return LinkError(
                f"{where} stopped answering",
                evidence=f"{waited}, {self._decoder.bad_frames} bad frames",
                next_step="check cable and supply, then run again: it goes on where it stopped",
            )
        if self._echoes:
            return LinkError(
                f"{where} sends back what it is sent, as if TX were wired to RX",
                evidence=waited,
                next_step="remove the loop-back, or switch off the adapter's echo",
            )
        if self._seen:
            return LinkError(
                f"{where} sends something, but not this protocol",
                evidence=f"{waited}, first bytes {shown_bytes(self._seen)}",
                next_step="check the baud rate (--baud) and that this is the chip's port; `nt-host ports` lists them",
            )
        return LinkError(
            f"{where} is silent",
            evidence=waited,
            next_step="check supply, that TX and RX are crossed, and the port; `nt-host ports` lists them",
        )

    def goodbye(self) -> None:
        """End the session, unless the last exchange broke off; raises LinkError after a second of silence."""
        if self.broken:
            return
        self.options = replace(self.options, deadline_s=min(self.options.deadline_s, GOODBYE_DEADLINE_S))
        self.exchange([Outgoing(m.GoodbyeRequest.TYPE, m.GoodbyeRequest().pack())])

    def close(self) -> None:
        """Close the link; the chip keeps its state and its session."""
        self.link.close()


def _other_version(payload: bytes, schema: int | None = None) -> VersionMismatchError:
    device = f"{payload[0]}.{payload[1]}" + ("" if schema is None else f", schema {schema:08x}")
    return VersionMismatchError(
        f"the chip speaks protocol {device}, this program {HOST_VERSION}",
        evidence="answer to HELLO",
        next_step="update the older one of nt-host and the firmware",
    )
