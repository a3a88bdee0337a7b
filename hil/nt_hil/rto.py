"""Adaptive retransmission time-out after RFC 6298 (Jacobson/Karels estimator, Karn's rule, exponential back-off)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class RetransmissionTimer:
    """Estimates how long a response may take.

    Attributes:
        minimum_s, maximum_s: bounds of the time-out; the minimum covers the 16 ms latency timer of USB adapters, the
            maximum leaves several tries within the deadline of a call.
        initial_s: time-out before anything was measured.
    """

    minimum_s: float = 0.1
    maximum_s: float = 1.0
    initial_s: float = 0.5
    _smoothed_s: float | None = None
    _variation_s: float = 0.0
    _backoff: int = 1

    @property
    def timeout_s(self) -> float:
        """Time-out now, seconds."""
        base = self.initial_s if self._smoothed_s is None else self._smoothed_s + 4 * self._variation_s
        return min(self.maximum_s, max(self.minimum_s, base) * self._backoff)

    def measured(self, round_trip_s: float) -> None:
        """Take in the round trip of a frame that was sent once (Karn: a repeated one tells nothing)."""
        if self._smoothed_s is None:
            self._smoothed_s, self._variation_s = round_trip_s, round_trip_s / 2
        else:
            self._variation_s += (abs(self._smoothed_s - round_trip_s) - self._variation_s) / 4
            self._smoothed_s += (round_trip_s - self._smoothed_s) / 8
        self._backoff = 1

    def expired(self) -> None:
        """Double the time-out until the next measurement."""
        self._backoff = min(64, self._backoff * 2)

    def progressed(self) -> None:
        """The device answered: no need to wait longer than the estimate."""
        self._backoff = 1

    def allow_for_line(self, frame_s: float) -> None:
        """Never expire while the longest frame, of `frame_s` seconds, is still on its way there or back."""
        self.minimum_s = max(self.minimum_s, 2 * frame_s + 0.1)
        self.initial_s = max(self.initial_s, 2 * frame_s + 0.4)
        self.maximum_s = max(self.maximum_s, 4 * self.minimum_s)
