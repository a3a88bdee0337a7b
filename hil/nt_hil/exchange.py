"""One exchange: requests in order, a window of them in flight, every answer exactly once.

Lost answers are noticed by a later answer, lost requests by the device's NAK, and the loss of the last frames by the
retransmission time-out. The device executes in order and caches its answers, so that repeating a frame is harmless.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nt_hil import messages as m
from nt_hil.codec import Frame, encode


class Outgoing(NamedTuple):
    """A request to be sent: message type and payload."""

    type: int
    payload: bytes


@dataclass(slots=True)
class Flight:
    """A frame in flight: index of its request, its bytes, when it was sent last and how often."""

    index: int
    type: int
    wire: bytes
    sent_at: float
    times: int = 1
    hastened: bool = False


class Exchange:
    """State of one exchange; knows frames, sequence numbers and time, but neither links nor deadlines."""

    def __init__(self, requests: Sequence[Outgoing], session: int, first_seq: int, window: int) -> None:
        self._requests = requests
        self._session = session
        self._first_seq = first_seq
        self._window = window
        self._next = 0
        self._flights: OrderedDict[int, Flight] = OrderedDict()
        self.answers: list[Frame | None] = [None] * len(requests)
        self.retransmissions = 0

    @property
    def done(self) -> bool:
        return self._next == len(self._requests) and not self._flights

    @property
    def waiting_for(self) -> str:
        """The oldest request without an answer, for error messages."""
        if not self._flights:
            return "nothing"
        flight = next(iter(self._flights.values()))
        name = m.MESSAGE_NAMES.get(flight.type, f"message 0x{flight.type:02x}")
        return f"{name} ({flight.index + 1} of {len(self._requests)})"

    def oldest_sent_at(self) -> float:
        """When the oldest frame in flight was sent last."""
        return min([flight.sent_at for flight in self._flights.values()])

    def fill(self, now: float) -> list[bytes]:
        """New frames that the window has room for."""
        frames: list[bytes] = []
        if self._next == len(self._requests):
            return frames
        oldest = next(iter(self._flights.values())).index if self._flights else self._next
        while self._next < len(self._requests) and self._next - oldest < self._window:
            request = self._requests[self._next]
            seq = (self._first_seq + self._next) & 0xFFFF
            wire = encode(Frame(self._session, request.type, seq, request.payload))
            self._flights[seq] = Flight(self._next, request.type, wire, now)
            frames.append(wire)
            self._next += 1
        return frames

    def _again(self, flights: Sequence[Flight], now: float) -> list[bytes]:
        for flight in flights:
            flight.sent_at = now
            flight.times += 1
        self.retransmissions += len(flights)
        return [flight.wire for flight in flights]

    def everything_again(self, now: float) -> list[bytes]:
        """After a time-out: all frames in flight, as nobody knows which got through."""
        for flight in self._flights.values():
            flight.hastened = False
        return self._again(list(self._flights.values()), now)

    def on_nak(self, expected: int, now: float) -> list[bytes]:
        """Frames from `expected` on, which the device has not executed."""
        if expected not in self._flights:
            return []
        first = self._flights[expected].index
        return self._again([flight for flight in self._flights.values() if flight.index >= first], now)

    def on_answer(self, frame: Frame, now: float, measured: Callable[[float], None]) -> list[bytes] | None:
        """Take in an answer; gives frames to send again (answers that were lost), or None for a repeated answer."""
        flight = self._flights.get(frame.seq)
        if flight is None or (frame.type != flight.type | m.RESPONSE_BIT and frame.type != m.ErrorNotice.TYPE):
            return None
        is_oldest = frame.seq == next(iter(self._flights))
        del self._flights[frame.seq]
        self.answers[flight.index] = frame
        if flight.times == 1:
            measured(now - flight.sent_at)
        if is_oldest:
            return []
        lost = [f for f in self._flights.values() if f.index < flight.index and not f.hastened]
        for each in lost:
            each.hastened = True
        return self._again(lost, now)
