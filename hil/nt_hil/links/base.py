"""What every connection is to the layers above: a stream of bytes both ways, and a clock."""

from __future__ import annotations

from typing import Protocol


class Link(Protocol):
    """A byte stream to one device. In-process links keep a clock of their own, so that waiting costs no real time."""

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            LinkError: the other end is gone.
        """
        ...

    def read(self, timeout_s: float) -> bytes:
        """Whatever has arrived, as soon as there is anything; b"" after `timeout_s` seconds of silence.

        Raises:
            LinkError: the other end is gone.
        """
        ...

    def now(self) -> float:
        """Seconds on the clock that this link's time-outs run on."""
        ...

    def describe(self) -> str:
        """What the link is connected to, for error messages."""
        ...

    def close(self) -> None: ...


class ByteDevice(Protocol):
    """The other end: bytes in, bytes out, no waiting."""

    def feed(self, data: bytes) -> bytes:
        """Take `data` off the wire; gives what the device sends back."""
        ...
