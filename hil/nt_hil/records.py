"""Records of PRESENT: what one sample's answer looks like on the wire, for both sides.

A record is the plain plane, with DITHER the planes at code + d and code - d, with MEMBRANE the membranes of the last
layer as i32. A plane holds the neurons of the layers read, in order: one bit each, LSB first, filled up to a whole
byte, where T = 1; one u8 spike count each where T > 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import ByteArray, Response
from nt_hil.messages import ReadoutFlag
from nt_model.errors import EnvironmentMissingError
from nt_model.learn import Layers, packed_gates, unpacked_gates

try:
    from nt_model.core_wire import gate_planes
except EnvironmentMissingError:
    gate_planes = unpacked_gates

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
    def spikes_size(self) -> int:
        """Bytes of a record without its membranes."""
        return self.n_planes * self.plane_size

    @cached_property
    def size(self) -> int:
        """Bytes of one record."""
        return self.spikes_size + self.membrane_size

    def by_layer(self, counts: ByteArray) -> Planes:
        """Views of (B, N) counts of the neurons read, one per layer."""
        return Layers.of(counts, self._spans)

    @cached_property
    def _spans(self) -> tuple[slice, ...]:
        edges = np.cumsum((0, *self.read_widths)).tolist()
        return tuple(slice(a, b) for a, b in pairwise(edges))

    def pack(self, counts: ByteArray, membrane_q8: NDArray[np.int32] | None) -> bytes:
        """Records of B samples: `counts` (planes, B, N) uint8 with the neurons of all layers side by side, membranes
        (B, N_out) where the layout has them."""
        return self.joined(self._packed_spikes(counts), membrane_q8)

    @staticmethod
    def joined(spikes: ByteArray, membrane_q8: NDArray[np.int32] | None) -> bytes:
        """Records whose spikes are packed already, (B, ...) uint8; membranes as `pack`."""
        if membrane_q8 is None:
            return spikes.tobytes()
        tail = np.ascontiguousarray(membrane_q8.astype("<i4")).view(np.uint8)
        return np.concatenate((spikes.reshape(len(tail), -1), tail), axis=1).tobytes()

    def unpack(self, data: bytes) -> Response:
        """Inverse of `pack`; `data` is a whole number of records."""
        records = np.frombuffer(data, np.uint8).reshape(-1, self.size)
        if not self.membrane_size:
            return self._unpacked_spikes(records)
        shown = self._unpacked_spikes(records[:, : self.spikes_size])
        return replace(shown, membrane_q8=self._unpacked_membranes(records))

    def _unpacked_membranes(self, records: ByteArray) -> NDArray[np.int32]:
        tail = np.ascontiguousarray(records[:, self.spikes_size :])
        return tail.view("<i4").astype(np.int32)

    def _packed_spikes(self, counts: ByteArray) -> ByteArray:
        """Bytes (B, ...) of the records without membranes."""
        read = counts[:, :, -self.n_read :]
        planes = np.packbits(read, axis=2, bitorder="little") if self.n_steps == 1 else read
        return planes.transpose(1, 0, 2)

    def _unpacked_spikes(self, spikes: ByteArray) -> Response:
        counts = spikes.reshape(len(spikes), self.n_planes, self.plane_size)
        if self.n_steps == 1:
            counts = np.unpackbits(counts, axis=2, count=self.n_read, bitorder="little")
        planes = [self.by_layer(counts[:, plane]) for plane in range(self.n_planes)]
        return Response(planes[0], planes[1], planes[2]) if self.n_planes == 3 else Response(planes[0])


class GateLayout(RecordLayout):
    """Layout of a record that shows no more than learning needs, at any number of time steps: a plane of bits, hidden
    neurons whose counts at code + d and code - d differ, outputs that spiked at code + d; then a plane of the outputs
    alone, those that spiked at code - d."""

    @cached_property
    def spikes_size(self) -> int:
        """See `RecordLayout.spikes_size`."""
        return -(-self.n_read // 8) + -(-self.widths[-1] // 8)

    def _packed_spikes(self, counts: ByteArray) -> ByteArray:
        return packed_gates(counts[1], counts[2], self.widths[-1])

    def unpack(self, data: bytes) -> Response:
        """See `RecordLayout.unpack`."""
        if not self.membrane_size:
            return GateResponse(data, self)
        records = np.frombuffer(data, np.uint8).reshape(-1, self.size)
        gates = records[:, : self.spikes_size].tobytes()
        return GateResponse(gates, self, self._unpacked_membranes(records))

    def planes(self, gates: bytes) -> tuple[Planes, Planes]:
        """Gates by layer, above and below: see `Response`."""
        rows = np.frombuffer(gates, np.uint8).reshape(-1, self.spikes_size)
        above, below = gate_planes(rows, self.n_read, self.widths[-1])
        return self.by_layer(above), self.by_layer(below)


class GateResponse(Response):
    """Gates as they came, whose planes are made when somebody looks at them: rule `dmn` does not."""

    def __init__(self, gates: bytes, layout: GateLayout, membrane_q8: NDArray[np.int32] | None = None) -> None:
        vars(self).update(plain=(), membrane_q8=membrane_q8, gates=gates, _layout=layout)

    @cached_property
    def _planes(self) -> tuple[Planes, Planes]:
        layout: GateLayout = self._layout  # type: ignore[attr-defined]
        return layout.planes(self.gates or b"")

    @property
    def plus(self) -> Planes:
        return self._planes[0]

    @property
    def minus(self) -> Planes:
        return self._planes[1]


@lru_cache(maxsize=64)
def layout_of(widths: tuple[int, ...], n_steps: int, readout: int) -> RecordLayout:
    """The layout for the ReadoutFlag bits `readout`; every step of a loop asks for the same one."""
    kind = GateLayout if readout & ReadoutFlag.GATES else RecordLayout
    return kind(widths, n_steps, ReadoutFlag(readout))
