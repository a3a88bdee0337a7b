"""The simulated chip in this process: no thread, no waiting, but the same bytes as on a serial line."""

from __future__ import annotations

from nt_hil.links.base import ByteDevice


class InProcessLink:
    """Feeds a device directly. Its clock stands still but for time-outs, which pass at once: when nothing has come
    back by then, nothing ever will."""

    def __init__(self, device: ByteDevice, name: str = "simulated chip") -> None:
        self._device = device
        self._name = name
        self._inbound: list[bytes] = []
        self._clock_s = 0.0

    def write(self, data: bytes) -> None:
        answers = self._device.feed(data)
        if answers:
            self._inbound.append(answers)

    def read(self, timeout_s: float) -> bytes:
        if not self._inbound:
            self._clock_s += timeout_s
            return b""
        data = b"".join(self._inbound)
        self._inbound.clear()
        return data

    def now(self) -> float:
        return self._clock_s

    def describe(self) -> str:
        return self._name

    def close(self) -> None:
        self._inbound.clear()
