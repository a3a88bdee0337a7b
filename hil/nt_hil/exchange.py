"""One exchange: requests in order, a window of them in flight, every answer exactly once.

Lost answers are noticed by a later answer, lost requests by the device's NAK, and the loss of the last frames by the
retransmission time-out. The device executes in order and caches its answers, so that repeating a frame is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from typing import NamedTuple, overload

from nt_hil import messages as m
from nt_hil.codec import Frame, encode, encode_all, encode_block, requests_of

_RESPONSE_BIT = m.RESPONSE_BIT
_NONE: frozenset[int] = frozenset()


class Outgoing(NamedTuple):
    """A request to be sent: message type and payload."""

    type: int
    payload: bytes


class RequestBlock(Sequence[Outgoing]):
    """A few requests of `types` made in C as one block, see `codec.encode_block`; taken apart only where a frame is to
    be sent alone."""

    def __init__(self, types: tuple[int, ...], data: bytes) -> None:
        self.types = types
        self.data = data

    def __len__(self) -> int:
        return len(self.types)

    @property
    def first_size(self) -> int:
        """Bytes of the first payload."""
        return self.data[1] | self.data[2] << 8

    @overload
    def __getitem__(self, index: int) -> Outgoing: ...

    @overload
    def __getitem__(self, index: slice) -> list[Outgoing]: ...

    def __getitem__(self, index: int | slice) -> Outgoing | list[Outgoing]:
        return self._parts[index]

    @cached_property
    def _parts(self) -> list[Outgoing]:
        return [Outgoing(*request) for request in requests_of(self.data)]


class Exchange:
    """State of one exchange; knows frames, sequence numbers and time, but neither links nor deadlines.

    Requests are known by their index. Those from `_oldest` to before `_next` that have no answer are in flight; a frame
    that is sent again is made again.
    """

    def __init__(self, requests: Sequence[Outgoing], session: int, first_seq: int, window: int) -> None:
        self._requests = requests
        self._block = requests.data if isinstance(requests, RequestBlock) and len(requests.types) <= window else None
        self._types = requests.types if isinstance(requests, RequestBlock) else [kind for kind, _ in requests]
        self._session = session
        self._first_seq = first_seq
        self._window = window
        self._oldest = 0
        self._next = 0
        self._sent_at: list[float] = []
        self._repeated: frozenset[int] = _NONE
        self._hastened: frozenset[int] = _NONE
        self.count = len(self._types)
        self.answers: list[Frame | None] = [None] * self.count
        self.retransmissions = 0
        self.frames_sent = 0

    @property
    def done(self) -> bool:
        return self._oldest == self.count

    @property
    def waiting_for(self) -> str:
        """The oldest request without an answer, for error messages."""
        if self._oldest == self._next:
            return "nothing"
        kind = self._types[self._oldest]
        name = m.MESSAGE_NAMES.get(kind, f"message 0x{kind:02x}")
        return f"{name} ({self._oldest + 1} of {self.count})"

    def oldest_sent_at(self) -> float:
        """When the oldest frame in flight was sent last."""
        return min(self._sent_at[self._oldest : self._next])

    def fill(self, now: float) -> bytes:
        """New frames that the window has room for."""
        begin, end = self._next, min(self.count, self._oldest + self._window)
        if begin >= end:
            return b""
        self._next = end
        self.frames_sent += end - begin
        self._sent_at += [now] * (end - begin)
        if self._block is not None:
            return encode_block(self._session, self._first_seq, self._block, end)
        return encode_all(self._session, (self._first_seq + begin) & 0xFFFF, self._requests[begin:end])

    def _in_flight(self, begin: int, end: int) -> list[int]:
        return [index for index in range(begin, end) if self.answers[index] is None]

    def _again(self, indices: list[int], now: float) -> bytes:
        frames = []
        for index in indices:
            kind, payload = self._requests[index]
            frames.append(encode(Frame(self._session, kind, (self._first_seq + index) & 0xFFFF, payload)))
            self._sent_at[index] = now
        self._repeated |= frozenset(indices)
        self.retransmissions += len(indices)
        self.frames_sent += len(indices)
        return b"".join(frames)

    def everything_again(self, now: float) -> bytes:
        """After a time-out: all frames in flight, as nobody knows which got through."""
        self._hastened = _NONE
        return self._again(self._in_flight(self._oldest, self._next), now)

    def _index_of(self, seq: int) -> int | None:
        """Index of the request in flight with that sequence number."""
        index = self._oldest + ((seq - self._first_seq - self._oldest) & 0xFFFF)
        return index if index < self._next and self.answers[index] is None else None

    def on_nak(self, expected: int, now: float) -> bytes:
        """Frames from `expected` on, which the device has not executed."""
        index = self._index_of(expected)
        return b"" if index is None else self._again(self._in_flight(index, self._next), now)

    def take_in_turn(self, frames: Sequence[Frame], now: float, measured: Callable[[float], None]) -> int:
        """Take in the first of `frames` as long as they answer the oldest requests in turn, as all do on a line without
        faults; gives how many did. The next one is for `on_answer` or `on_nak`."""
        answers, oldest = self.answers, self._oldest
        at = oldest
        for frame in frames:
            session, kind, seq, _ = frame
            if at == self._next or answers[at] is not None or seq != (self._first_seq + at) & 0xFFFF:
                break
            if session != self._session or kind != self._types[at] | _RESPONSE_BIT:
                break
            answers[at] = frame
            if at not in self._repeated:
                measured(now - self._sent_at[at])
            self._sent_at[at] = inf
            at += 1
        self._oldest = at
        self._pass_answered()
        return at - oldest

    def _pass_answered(self) -> None:
        while self._oldest < self._next and self.answers[self._oldest] is not None:
            self._oldest += 1

    def on_answer(self, frame: Frame, now: float, measured: Callable[[float], None]) -> bytes | None:
        """Take in an answer; gives frames to send again (answers that were lost), or None for a repeated answer."""
        index = self._index_of(frame.seq)
        if index is None or (frame.type != self._types[index] | _RESPONSE_BIT and frame.type != m.ErrorNotice.TYPE):
            return None
        self.answers[index] = frame
        if index not in self._repeated:
            measured(now - self._sent_at[index])
        self._sent_at[index] = inf
        if index == self._oldest:
            self._pass_answered()
            return b""
        lost = [each for each in self._in_flight(self._oldest, index) if each not in self._hastened]
        self._hastened |= frozenset(lost)
        return self._again(lost, now)
