"""Records of PRESENT: what one sample's answer looks like on the wire, for both sides.

A record is the plain plane, with DITHER the planes at code + d and code - d, with MEMBRANE the membranes of the last
layer as i32. A plane holds the neurons of the layers read, in order: one bit each, LSB first, filled up to a whole
byte, where T = 1; one u8 spike count each where T > 1.
"""

from __future__ import annotations

from dataclasses import dataclass
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

    @property
    def read_widths(self) -> tuple[int, ...]:
        """Neurons of the layers that are read."""
        return self.widths if self.flags & ReadoutFlag.HIDDEN else self.widths[-1:]

    @property
    def plane_size(self) -> int:
        """Bytes of one plane."""
        neurons = sum(self.read_widths)
        return -(-neurons // 8) if self.n_steps == 1 else neurons

    @property
    def n_planes(self) -> int:
        return 3 if self.flags & ReadoutFlag.DITHER else 1

    @property
    def membrane_size(self) -> int:
        return 4 * self.widths[-1] if self.flags & ReadoutFlag.MEMBRANE else 0

    @property
    def size(self) -> int:
        """Bytes of one record."""
        return self.n_planes * self.plane_size + self.membrane_size

    def _pack_plane(self, counts: Planes) -> ByteArray:
        read = counts if self.flags & ReadoutFlag.HIDDEN else counts[-1:]
        joined = np.concatenate(read, axis=1) if len(read) > 1 else read[0]
        return np.packbits(joined, axis=1, bitorder="little") if self.n_steps == 1 else joined

    def pack(self, planes: tuple[Planes, ...], membrane_q8: NDArray[np.int32] | None) -> bytes:
        """Records of B samples; each of `planes` is one (B, N) uint8 per layer of the image."""
        parts = [self._pack_plane(plane) for plane in planes]
        if membrane_q8 is not None:
            parts.append(np.ascontiguousarray(membrane_q8.astype("<i4")).view(np.uint8))
        return np.concatenate(parts, axis=1).tobytes() if len(parts) > 1 else parts[0].tobytes()

    def _unpack_plane(self, data: ByteArray) -> Planes:
        neurons = sum(self.read_widths)
        counts = np.unpackbits(data, axis=1, count=neurons, bitorder="little") if self.n_steps == 1 else data
        edges = np.cumsum((0, *self.read_widths))
        return tuple(np.ascontiguousarray(counts[:, a:b]) for a, b in pairwise(edges))

    def unpack(self, data: bytes) -> Response:
        """Inverse of `pack`; `data` is a whole number of records."""
        records = np.frombuffer(data, np.uint8).reshape(-1, self.size)
        planes = [
            self._unpack_plane(records[:, i * self.plane_size : (i + 1) * self.plane_size])
            for i in range(self.n_planes)
        ]
        membrane = None
        if self.membrane_size:
            tail = np.ascontiguousarray(records[:, -self.membrane_size :])
            membrane = tail.view("<i4").astype(np.int32)
        plus, minus = (planes[1], planes[2]) if self.n_planes == 3 else ((), ())
        return Response(planes[0], plus, minus, membrane)
