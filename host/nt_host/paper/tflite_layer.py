"""Dense layers out of a quantised TensorFlow Lite file, without TensorFlow.

Such a file is a FlatBuffer: a table begins with the distance back to its vtable, whose 16-bit entries say where in the
table each field lies (0: absent). Field numbers are those of TensorFlow's public schema.fbs: model subgraphs 2 and
buffers 4; subgraph tensors 0; tensor shape 0, type 1, buffer 2, name 3, quantisation 4; quantisation scale 2, zero
point 3; buffer data 0.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError

IDENTIFIER = b"TFL3"
TYPES: dict[int, Any] = {2: np.dtype("<i4"), 3: np.dtype("u1"), 9: np.dtype("i1")}


class _Buffer:
    """Reads of a FlatBuffer; struct.error or IndexError where the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, form: str, at: int) -> int:
        return int(struct.unpack_from(form, self.data, at)[0])

    def real(self, at: int) -> float:
        return float(struct.unpack_from("<f", self.data, at)[0])

    def pointed(self, at: int) -> int:
        return at + self.number("<I", at)

    def field(self, table: int, index: int) -> int | None:
        vtable = table - self.number("<i", table)
        entry = 4 + 2 * index
        offset = self.number("<H", vtable + entry) if entry < self.number("<H", vtable) else 0
        return table + offset if offset else None

    def needed(self, table: int, index: int) -> int:
        at = self.field(table, index)
        if at is None:
            raise IndexError(f"field {index} of the table at {table} is absent")
        return at

    def vector(self, table: int, index: int) -> tuple[int, int]:
        """(place of the first element, length)."""
        at = self.pointed(self.needed(table, index))
        return at + 4, self.number("<I", at)


@dataclass(frozen=True)
class QuantisedTensor:
    """A constant tensor: value = scale * (integer - zero point)."""

    name: str
    shape: tuple[int, ...]
    values: NDArray[np.float32]


def _tensor(buffer: _Buffer, table: int, buffers: int) -> QuantisedTensor | None:
    """The tensor at `table`; None where it holds no data, is not quantised, or is of another type."""
    type_at, buffer_at, quantisation_at = (buffer.field(table, index) for index in (1, 2, 4))
    number = 0 if type_at is None else buffer.data[type_at]
    if buffer_at is None or quantisation_at is None or number not in TYPES:
        return None
    quantisation = buffer.pointed(quantisation_at)
    holder = buffer.pointed(buffers + 4 * buffer.number("<I", buffer_at))
    if any(each is None for each in (buffer.field(holder, 0), *(buffer.field(quantisation, n) for n in (2, 3)))):
        return None
    start, length = buffer.vector(holder, 0)
    scale = buffer.real(buffer.vector(quantisation, 2)[0])
    zero = buffer.number("<q", buffer.vector(quantisation, 3)[0])
    shape_at, n_axes = buffer.vector(table, 0)
    shape = tuple(buffer.number("<i", shape_at + 4 * axis) for axis in range(n_axes))
    name_at, n_name = buffer.vector(table, 3)
    integers = np.frombuffer(buffer.data[start : start + length], TYPES[number])
    values = ((integers.astype(np.float64) - zero) * scale).astype(np.float32)
    return QuantisedTensor(buffer.data[name_at : name_at + n_name].decode(), shape, values.reshape(shape))


def read_tensors(path: Path) -> list[QuantisedTensor]:
    """All quantised constant tensors of the file's first graph; UsageError where it is no such file."""
    try:
        buffer = _Buffer(path.read_bytes())
        if buffer.data[4:8] != IDENTIFIER:
            raise IndexError(f"identifier {buffer.data[4:8]!r}")
        root = buffer.pointed(0)
        graph = buffer.pointed(buffer.vector(root, 2)[0])
        tensors, count = buffer.vector(graph, 0)
        buffers, _ = buffer.vector(root, 4)
        found = [_tensor(buffer, buffer.pointed(tensors + 4 * index), buffers) for index in range(count)]
    except (OSError, IndexError, ValueError, struct.error) as error:
        raise UsageError(
            "this is not a readable TensorFlow Lite file",
            evidence=f"{path}: {error}",
            next_step="copy the quantised network again",
        ) from error
    return [each for each in found if each is not None]


def dense_layer(path: Path, n_neurons: int, n_inputs: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (N, M) and biases (N,) of the dense layer (or 1 x 1 convolution) of that size.

    Raises UsageError where the file holds none, or several.
    """
    tensors = read_tensors(path)
    weights = [each for each in tensors if each.shape in ((n_neurons, n_inputs), (n_neurons, 1, 1, n_inputs))]
    biases = [each for each in tensors if each.shape == (n_neurons,)]
    if len(weights) != 1 or len(biases) != 1:
        raise UsageError(
            f"the network has not exactly one dense layer of {n_inputs} inputs and {n_neurons} neurons",
            evidence=f"{path}: {len(weights)} weights, {len(biases)} biases of that shape",
            next_step="take mobilenet_v2_1.0_224_quant.tflite",
        )
    return weights[0].values.reshape(n_neurons, n_inputs), biases[0].values
