"""A link that takes the time a serial line would, on a clock of its own: nothing really waits.

Sending `n` bytes occupies its direction for n * 10 / baud seconds; both directions run at once. An answer sets out
when the request has arrived and the device has thought about it for `turnaround_s`.
"""

from __future__ import annotations

from collections import deque

from nt_hil.links.base import ByteDevice
from nt_hil.traffic import BITS_PER_BYTE

CHUNK = 256
"""Bytes that travel as one piece; the grain of the arrival times."""


class ThrottledLink:
    """A device in this process behind a line of `baud`."""

    def __init__(self, device: ByteDevice, baud: int, turnaround_s: float = 0.0, name: str = "simulated chip") -> None:
        self._device = device
        self._byte_s = BITS_PER_BYTE / baud
        self._turnaround_s = turnaround_s
        self._name = name
        self._now_s = 0.0
        self._sent_until_s = 0.0
        self._received_until_s = 0.0
        self._arrivals: deque[tuple[float, bytes]] = deque()
        self._sending: list[tuple[float, float]] = []

    def busy_s(self) -> float:
        """Seconds so far in which at least one direction was sending."""
        total, until = 0.0, 0.0
        for begin, end in sorted(self._sending):
            total += max(0.0, end - max(begin, until))
            until = max(until, end)
        return total

    def _occupied(self, begin_s: float, size: int) -> float:
        """Note that `size` bytes are sent from `begin_s` on; gives when the last one has arrived."""
        end_s = begin_s + size * self._byte_s
        self._sending.append((begin_s, end_s))
        return end_s

    def write(self, data: bytes) -> None:
        # The device sees each frame when its last byte is there; pieces are fed in the order of their arrival.
        for begin in range(0, len(data), CHUNK):
            piece = data[begin : begin + CHUNK]
            self._sent_until_s = self._occupied(max(self._sent_until_s, self._now_s), len(piece))
            answer = self._device.feed(piece)
            self._send_back(answer, self._sent_until_s + self._turnaround_s)

    def _send_back(self, answer: bytes, ready_s: float) -> None:
        for begin in range(0, len(answer), CHUNK):
            piece = answer[begin : begin + CHUNK]
            self._received_until_s = self._occupied(max(self._received_until_s, ready_s), len(piece))
            self._arrivals.append((self._received_until_s, piece))

    def read(self, timeout_s: float) -> bytes:
        until = self._now_s + timeout_s
        if not self._arrivals or self._arrivals[0][0] > until:
            self._now_s = until
            return b""
        self._now_s = max(self._now_s, self._arrivals[0][0])
        parts = []
        while self._arrivals and self._arrivals[0][0] <= self._now_s:
            parts.append(self._arrivals.popleft()[1])
        return b"".join(parts)

    def now(self) -> float:
        return self._now_s

    def describe(self) -> str:
        return self._name

    def close(self) -> None:
        self._arrivals.clear()
