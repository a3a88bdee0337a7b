"""A link that spoils bytes on purpose, the same way for the same seed, for tests of the protocol.

Every fault is one that serial lines really have: flipped bits, lost and invented bytes, pieces that arrive twice or
late, and frames whose payload lost bytes before the sender computed the CRC (a DMA that ran short), so that the CRC
holds and only the length tells.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from nt_hil import cobs
from nt_hil.codec import CRC_SIZE, OVERHEAD
from nt_hil.links.base import Link
from nt_model.crc import crc32c


@dataclass(frozen=True)
class FaultRates:
    """Probabilities: `flip`, `drop`, `insert` per byte; `repeat`, `delay` per piece handed over; `short` per piece
    sent, of which then the first frame is shortened."""

    flip: float = 0.0
    drop: float = 0.0
    insert: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    short: float = 0.0

    @classmethod
    def byte_errors(cls, rate: float) -> FaultRates:
        """Byte error rate `rate`, half of it flipped bits, the rest shared by lost and invented bytes."""
        return cls(flip=rate / 2, drop=rate / 4, insert=rate / 4)


def shortened(wire: bytes, count: int) -> bytes:
    """`wire`, beginning with a frame, with the last `count` payload bytes of that frame cut before its CRC was made."""
    frame, end, rest = wire.lstrip(b"\0").partition(b"\0")
    body = cobs.decode(frame)
    if not end or len(body) < OVERHEAD + count:
        return wire
    kept = body[: -CRC_SIZE - count]
    return b"\0" + cobs.encode(kept + crc32c(kept).to_bytes(CRC_SIZE, "little")) + b"\0" + rest


class FaultyLink:
    """`inner` with faults in both directions; `injected` counts them."""

    def __init__(self, inner: Link, rates: FaultRates, seed: int) -> None:
        self._inner = inner
        self._rates = rates
        self._random = random.Random(seed)
        self._late_out = b""
        self._late_in = b""
        self.injected = 0

    def _hit(self, probability: float) -> bool:
        hit = probability > 0 and self._random.random() < probability
        self.injected += hit
        return hit

    def _spoil_bytes(self, data: bytes) -> bytes:
        rates = self._rates
        total = rates.flip + rates.drop + rates.insert
        if total == 0:
            return data
        spoiled = bytearray()
        begin = 0
        while True:
            at = begin + int(self._random.expovariate(total))
            if at >= len(data):
                return bytes(spoiled + data[begin:])
            spoiled += data[begin:at]
            spoiled += self._spoil_byte(data[at], self._random.random() * total)
            begin = at + 1

    def _spoil_byte(self, byte: int, lot: float) -> bytes:
        self.injected += 1
        if lot < self._rates.flip:
            return bytes((byte ^ (1 << self._random.randrange(8)),))
        if lot < self._rates.flip + self._rates.drop:
            return b""
        return bytes((byte, self._random.randrange(256)))

    def _spoil(self, data: bytes, late: bytes) -> tuple[bytes, bytes]:
        """The piece as it arrives, with what was late before; and what is late now."""
        if not data:
            return late, b""
        data = self._spoil_bytes(data)
        if self._hit(self._rates.repeat):
            data += data
        if self._hit(self._rates.delay):
            return late, data
        return data + late, b""

    def write(self, data: bytes) -> None:
        if self._hit(self._rates.short):
            data = shortened(data, 1 + self._random.randrange(3))
        arriving, self._late_out = self._spoil(data, self._late_out)
        if arriving:
            self._inner.write(arriving)

    def read(self, timeout_s: float) -> bytes:
        arriving, self._late_in = self._spoil(self._inner.read(timeout_s), self._late_in)
        return arriving

    def now(self) -> float:
        return self._inner.now()

    def describe(self) -> str:
        return f"{self._inner.describe()} with faults"

    def close(self) -> None:
        self._inner.close()
