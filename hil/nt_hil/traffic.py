"""Bytes on the wire and the time that a serial line needs for them."""

from __future__ import annotations

from dataclasses import dataclass

from nt_hil.chip import Traffic

BAUD = 921_600
BITS_PER_BYTE = 10
"""8N1: one start bit, eight data bits, one stop bit."""


@dataclass
class TrafficCounter:
    """Counts as the bytes go by; `snapshot` gives the value that users see."""

    bytes_sent: int = 0
    bytes_received: int = 0
    frames_sent: int = 0
    frames_received: int = 0
    retransmissions: int = 0
    code_bytes_written: int = 0

    def snapshot(self) -> Traffic:
        return Traffic(
            self.bytes_sent,
            self.bytes_received,
            self.frames_sent,
            self.frames_received,
            self.retransmissions,
            self.code_bytes_written,
        )


@dataclass(frozen=True)
class WireTime:
    """Time of a serial line, full duplex, 8N1.

    Attributes:
        sent_s, received_s: seconds that the bytes of each direction take.
        seconds: the longer of both, as both directions run at once: no exchange can be faster.
    """

    sent_s: float
    received_s: float

    @property
    def seconds(self) -> float:
        return max(self.sent_s, self.received_s)

    def utilisation(self, elapsed_s: float) -> float:
        """Share of `elapsed_s` in which the busier direction was sending, 0 to 1."""
        return min(1.0, self.seconds / elapsed_s) if elapsed_s > 0 else 0.0


def wire_time(traffic: Traffic, baud: int = BAUD) -> WireTime:
    """Seconds that `traffic` takes at `baud`."""
    return WireTime(
        traffic.bytes_sent * BITS_PER_BYTE / baud,
        traffic.bytes_received * BITS_PER_BYTE / baud,
    )


def difference(later: Traffic, earlier: Traffic) -> Traffic:
    """Traffic between two snapshots."""
    return Traffic(
        later.bytes_sent - earlier.bytes_sent,
        later.bytes_received - earlier.bytes_received,
        later.frames_sent - earlier.frames_sent,
        later.frames_received - earlier.frames_received,
        later.retransmissions - earlier.retransmissions,
        later.code_bytes_written - earlier.code_bytes_written,
    )
