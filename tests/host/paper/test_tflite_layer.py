"""Dense layers out of a TensorFlow Lite file: a made FlatBuffer read back, damaged files refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_host.paper.tflite_layer import dense_layer, read_tensors
from nt_model.errors import UsageError


class Writer:
    """A FlatBuffer written from front to back: each object is placed, then pointed to."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0\0\0\0TFL3")

    def place(self, blob: bytes, align: int = 8) -> int:
        self.data += b"\0" * (-len(self.data) % align)
        self.data += blob
        return len(self.data) - len(blob)

    def point(self, at: int, to: int) -> None:
        self.data[at : at + 4] = struct.pack("<I", to - at)

    def table(self, n_fields: int, scalars: dict[int, bytes], pointers: tuple[int, ...]) -> tuple[int, dict[int, int]]:
        """(place, places of its pointers by field)."""
        body, offsets, places = bytearray(4), [0] * n_fields, {}
        for index in sorted([*scalars, *pointers]):
            body += b"\0" * (-len(body) % 4)
            offsets[index] = len(body)
            places[index] = len(body)
            body += scalars.get(index, b"\0\0\0\0")
        vtable = self.place(struct.pack(f"<HH{n_fields}H", 4 + 2 * n_fields, len(body), *offsets))
        table = self.place(bytes(body))
        self.data[table : table + 4] = struct.pack("<i", table - vtable)
        return table, {index: table + places[index] for index in pointers}

    def vector(self, raw: bytes, length: int) -> int:
        # Elements of 8 bytes are aligned to 8, their length stands right before them.
        self.data += b"\0" * ((4 - len(self.data)) % 8)
        return self.place(struct.pack("<I", length) + raw, 1)

    def pointers(self, count: int) -> tuple[int, list[int]]:
        at = self.vector(b"\0" * (4 * count), count)
        return at, [at + 4 + 4 * index for index in range(count)]


def written(tensors: list[tuple[str, np.ndarray, float, int]]) -> bytes:
    """A file whose graph holds `tensors`: (name, integers, scale, zero point)."""
    types = {np.dtype("u1"): 3, np.dtype("i1"): 9, np.dtype("<i4"): 2}
    writer = Writer()
    root, root_at = writer.table(5, {}, (2, 4))
    writer.point(0, root)
    graphs, (graph_at,) = writer.pointers(1)
    writer.point(root_at[2], graphs)
    graph, inside = writer.table(1, {}, (0,))
    writer.point(graph_at, graph)
    listed, tensor_at = writer.pointers(len(tensors))
    writer.point(inside[0], listed)
    buffers, buffer_at = writer.pointers(len(tensors) + 1)
    writer.point(root_at[4], buffers)
    empty, _ = writer.table(1, {}, ())
    writer.point(buffer_at[0], empty)
    for index, (name, values, scale, zero) in enumerate(tensors):
        scalars = {1: bytes([types[values.dtype]]), 2: struct.pack("<I", index + 1)}
        tensor, at = writer.table(5, scalars, (0, 3, 4))
        writer.point(tensor_at[index], tensor)
        writer.point(at[0], writer.vector(np.array(values.shape, "<i4").tobytes(), values.ndim))
        writer.point(at[3], writer.vector(name.encode() + b"\0", len(name)))
        quantised, where = writer.table(4, {}, (2, 3))
        writer.point(at[4], quantised)
        writer.point(where[2], writer.vector(struct.pack("<f", scale), 1))
        writer.point(where[3], writer.vector(struct.pack("<q", zero), 1))
        holder, data_at = writer.table(1, {}, (0,))
        writer.point(buffer_at[index + 1], holder)
        writer.point(data_at[0], writer.vector(values.tobytes(), values.nbytes))
    return bytes(writer.data)


def a_layer(n: int, m: int, seed: int) -> list[tuple[str, np.ndarray, float, int]]:
    rng = np.random.default_rng(seed)
    return [
        ("weights", rng.integers(0, 256, (n, 1, 1, m), np.uint8), 0.5, 113),
        ("biases", rng.integers(-1000, 1000, n).astype("<i4"), 0.25, 0),
    ]


@given(st.integers(1, 5), st.integers(6, 9), st.integers(0, 99))
def test_a_written_layer_is_read_back(tmp_path_factory: pytest.TempPathFactory, n: int, m: int, seed: int) -> None:
    path = tmp_path_factory.mktemp("net") / "net.tflite"
    tensors = a_layer(n, m, seed)
    path.write_bytes(written(tensors))
    weight, bias = dense_layer(path, n, m)
    assert np.array_equal(weight, (tensors[0][1].reshape(n, m).astype(np.float32) - 113) * 0.5)
    assert np.array_equal(bias, tensors[1][1].astype(np.float32) * 0.25)
    assert [each.name for each in read_tensors(path)] == ["weights", "biases"]


def test_signed_bytes_are_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(written([("w", np.array([[-128, 127]], np.int8), 1.0, 0), ("b", np.array([3], "<i4"), 1.0, 0)]))
    assert dense_layer(path, 1, 2)[0].tolist() == [[-128, 127]]


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    whole = written(a_layer(3, 7, 0))
    for data in (b"", b"nonsense" * 9, whole[:60], whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(UsageError, match="not a readable TensorFlow Lite file"):
            read_tensors(path)
    path.write_bytes(whole)
    with pytest.raises(UsageError, match="exactly one dense layer"):
        dense_layer(path, 4, 7)
