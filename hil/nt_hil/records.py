"""Records of PRESENT: what one sample's answer looks like on the wire, for both sides.

A record is the plain plane, with DITHER the planes at code + d and code - d, with MEMBRANE the membranes of the last
layer as i32. A plane holds the neurons of the layers read, in order: one bit each, LSB first, filled up to a whole
byte, where T = 1; one u8 spike count each where T > 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import ByteArray, Response
from nt_hil.messages import ReadoutFlag

Planes = tuple[ByteArray, ...]


@dataclass(frozen=True)
class RecordLayout:
    """Layout of one sample's record.

    Attributes:
        widths: neurons of each layer, the last one last.
        n_steps: time steps T.
        flags: see ReadoutFlag.
    """

    widths: tuple[int, ...]
    n_steps: int
    flags: ReadoutFlag

    @cached_property
    def read_widths(self) -> tuple[int, ...]:
        """Neurons of the layers that are read."""
        return self.widths if self.flags & ReadoutFlag.HIDDEN else self.widths[-1:]

    @cached_property
    def n_read(self) -> int:
        """Neurons that are read."""
        return sum(self.read_widths)

    @cached_property
    def plane_size(self) -> int:
        """Bytes of one plane."""
        return -(-self.n_read // 8) if self.n_steps == 1 else self.n_read

    @cached_property
    def n_planes(self) -> int:
        return 3 if self.flags & ReadoutFlag.DITHER else 1

    @cached_property
    def membrane_size(self) -> int:
        return 4 * self.widths[-1] if self.flags & ReadoutFlag.MEMBRANE else 0

    @cached_property
    def size(self) -> int:
        """Bytes of one record."""
        return self.n_planes * self.plane_size + self.membrane_size

    @cached_property
    def _spans(self) -> tuple[slice, ...]:
        edges = np.cumsum((0, *self.read_widths)).tolist()
        return tuple(slice(a, b) for a, b in pairwise(edges))

    def pack(self, counts: ByteArray, membrane_q8: NDArray[np.int32] | None) -> bytes:
        """Records of B samples: `counts` (planes, B, N) uint8 with the neurons of all layers side by side, membranes
        (B, N_out) where the layout has them."""
        read = counts[:, :, -self.n_read :]
        planes = np.packbits(read, axis=2, bitorder="little") if self.n_steps == 1 else read
        by_sample = planes.transpose(1, 0, 2)
        if membrane_q8 is None:
            return by_sample.tobytes()
        tail = np.ascontiguousarray(membrane_q8.astype("<i4")).view(np.uint8)
        return np.concatenate((by_sample.reshape(len(tail), -1), tail), axis=1).tobytes()

    def unpack(self, data: bytes) -> Response:
        """Inverse of `pack`; `data` is a whole number of records."""
        records = np.frombuffer(data, np.uint8).reshape(-1, self.size)
        spikes = records[:, : self.n_planes * self.plane_size] if self.membrane_size else records
        counts = spikes.reshape(len(records), self.n_planes, self.plane_size)
        if self.n_steps == 1:
            counts = np.unpackbits(counts, axis=2, count=self.n_read, bitorder="little")
        planes = [tuple(counts[:, plane, span] for span in self._spans) for plane in range(self.n_planes)]
        membrane = None
        if self.membrane_size:
            tail = np.ascontiguousarray(records[:, -self.membrane_size :])
            membrane = tail.view("<i4").astype(np.int32)
        plus, minus = (planes[1], planes[2]) if self.n_planes == 3 else ((), ())
        return Response(planes[0], plus, minus, membrane)


@lru_cache(maxsize=64)
def layout_of(widths: tuple[int, ...], n_steps: int, readout: int) -> RecordLayout:
    """The layout for the ReadoutFlag bits `readout`; every step of a loop asks for the same one."""
    return RecordLayout(widths, n_steps, ReadoutFlag(readout))
