"""Chip image files `*.ntrom`: the bytes that sit in the board's flash (docs/spec.md, section 2).

Writing is atomic. Reading checks length, CRC-32C, SHA-256 and every table, and refuses what does not hold with the
reason and the offset; the weights stay packed, as they are in the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_model.crc import crc32c
from nt_model.errors import ImageError, VersionMismatchError
from nt_model.image import ENCODER_KINDS, ENCODER_TRANSFORMS, EncoderSpec, Image, Layer
from nt_model.weights import ForbiddenWeightError, PackedWeights, packed_stride

MAGIC = b"NTROM\r\n\0"
MAJOR = 1
MINOR = 0
HEADER = struct.Struct("<8sHHIIIHBB32sI")
"""magic, major, minor, total_length, n_neurons, n_codes, n_classes, n_layers, n_steps, sha256, crc32c."""
LAYER = struct.Struct("<IIBBHIIII")
"""n_inputs, n_neurons, leak, refractory, zero, then offsets of weights, biases, thresholds, domains."""
DIRECTORY = struct.Struct("<IIIII")
"""Offsets of gain table, readout map, encoder, metadata; length of the metadata in bytes."""
ENCODER = struct.Struct("<BBHI")
"""kind, transform, levels, n_features."""
HASHED_FROM = 28
"""First byte that SHA-256 and CRC-32C cover after themselves are left out, see `_sealed`."""


class _Writer:
    """Appends parts at 4-byte boundaries and tells their offsets."""

    def __init__(self, start: int) -> None:
        self.parts = bytearray()
        self.start = start

    def add(self, data: bytes | memoryview) -> int:
        self.parts += bytes(-len(self.parts) % 4)
        offset = self.start + len(self.parts)
        self.parts += data
        return offset


def _encoder_bytes(encoder: EncoderSpec) -> bytes:
    head = ENCODER.pack(
        ENCODER_KINDS.index(encoder.kind),
        ENCODER_TRANSFORMS.index(encoder.transform),
        encoder.levels,
        encoder.n_features,
    )
    return head + encoder.offset.astype("<f4").tobytes() + encoder.scale.astype("<f4").tobytes()


def image_bytes(image: Image) -> bytes:
    """The file of `image`; the same image gives the same bytes."""
    tables = HEADER.size + DIRECTORY.size + LAYER.size * len(image.layers)
    writer = _Writer(tables)
    records = b""
    for layer in image.layers:
        offsets = [
            writer.add(part)
            for part in (
                layer.packed.columns.data,
                layer.bias.astype("<i2").tobytes(),
                layer.threshold_q8.astype("<i4").tobytes(),
                layer.domain.astype("<u2").tobytes(),
            )
        ]
        records += LAYER.pack(layer.n_inputs, layer.n_neurons, layer.leak, layer.refractory, 0, *offsets)
    gain = writer.add(image.gain.astype("<u2").tobytes())
    readout = writer.add(image.readout_class.astype("<u2").tobytes())
    encoder = writer.add(_encoder_bytes(image.encoder))
    text = json.dumps(dict(image.metadata), ensure_ascii=False, sort_keys=True).encode()
    metadata = writer.add(text)
    writer.add(b"")
    return _sealed(image, DIRECTORY.pack(gain, readout, encoder, metadata, len(text)) + records + writer.parts)


def _sealed(image: Image, body: bytes) -> bytes:
    """Header and body; SHA-256 over header fields and body, CRC-32C over all of it with the CRC field left out."""
    fields = (
        MAGIC,
        MAJOR,
        MINOR,
        HEADER.size + len(body),
        image.n_neurons,
        image.n_codes,
        image.n_classes,
        len(image.layers),
        image.n_steps,
    )
    plain = HEADER.pack(*fields, bytes(32), 0)
    digest = _digest(plain, body)
    with_digest = HEADER.pack(*fields, digest, 0)
    crc = crc32c(with_digest[:-4], memoryview(body))
    return HEADER.pack(*fields, digest, crc) + body


def _digest(header: bytes, body: bytes | memoryview) -> bytes:
    """SHA-256 of the header's first fields and of all that follows the header."""
    found = hashlib.sha256(header[:HASHED_FROM])
    found.update(body)
    return found.digest()


def write_image(path: Path, image: Image) -> str:
    """Write `image` to `path` atomically; gives its digest, 64 hexadecimal digits."""
    data = image_bytes(image)
    write_atomically(path, data)
    return data[HASHED_FROM : HASHED_FROM + 32].hex()


def write_atomically(path: Path, data: bytes) -> None:
    """Temporary file beside `path`, fsync, rename: a reader sees the old or the new content, never a mix."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image and the SHA-256 digest of its file (64 hexadecimal digits), which names it on the wire."""

    image: Image
    digest: str


def read_image(path: Path) -> LoadedImage:
    """Read and check the image file at `path`.

    Raises:
        ImageError: absent, truncated, altered or inconsistent; the evidence names the offset.
        VersionMismatchError: written by a newer major version.
    """
    if not path.is_file():
        raise ImageError(
            "there is no chip image at that path", evidence=str(path), next_step="build one with `nt-host build`"
        )
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise _broken("the image file is empty", 0)
        data = np.empty(size, np.uint8).data
        filled = file.readinto(data)
    return parse_image(data[:filled])


def _broken(cause: str, offset: int) -> ImageError:
    return ImageError(
        cause, evidence=f"offset {offset}", next_step="copy the file again or rebuild it with `nt-host build`"
    )


def parse_image(data: bytes | memoryview) -> LoadedImage:
    """Parse the bytes of an image file; raises as `read_image`. The image keeps `data` for its packed weights."""
    view = memoryview(data).toreadonly()
    header = bytes(view[: HEADER.size])
    if header[: len(MAGIC)] != MAGIC[: len(data)]:
        raise _broken("this is not a chip image (wrong magic)", 0)
    if len(data) < HEADER.size:
        raise _broken(f"the image is truncated: {len(data)} bytes, the header alone has {HEADER.size}", len(data))
    _, major, minor, total, n_neurons, n_codes, n_classes, n_layers, n_steps, digest, crc = HEADER.unpack(header)
    if major != MAJOR:
        raise VersionMismatchError(
            f"the image has format version {major}.{minor}, this program reads {MAJOR}.x",
            evidence="offset 8",
            next_step="update nt-host, or rebuild the image with this version",
        )
    if len(data) < total:
        raise _broken(f"the image is truncated: {len(data)} of {total} bytes", len(data))
    if len(data) > total:
        raise _broken(f"the image has {len(data) - total} bytes too many", total)
    if crc32c(header[:-4], view[HEADER.size :]) != crc:
        raise _broken("the image was altered: its CRC-32C does not hold", HEADER.size - 4)
    if _digest(header, view[HEADER.size :]) != digest:
        raise _broken("the image was altered: its SHA-256 does not hold", HASHED_FROM)
    image = _parse_body(view, n_layers, n_steps)
    for name, found, stated, offset in (
        ("neurons", image.n_neurons, n_neurons, 16),
        ("codes", image.n_codes, n_codes, 20),
        ("classes", image.n_classes, n_classes, 24),
    ):
        if found != stated:
            raise _broken(f"the header states {stated} {name}, the tables hold {found}", offset)
    return LoadedImage(image, digest.hex())


def _take(data: memoryview, offset: int, count: int, dtype: str) -> NDArray[np.generic]:
    size = count * np.dtype(dtype).itemsize
    if offset % 4 or offset < HEADER.size or offset + size > len(data):
        raise _broken("a table of the image points outside the file", offset)
    return np.frombuffer(data, dtype, count, offset)


def _parse_weights(data: memoryview, offset: int, inputs: int, neurons: int) -> PackedWeights:
    columns = _take(data, offset, inputs * packed_stride(neurons), "u1").view(np.uint8)
    try:
        return PackedWeights(columns.reshape(inputs, packed_stride(neurons)), neurons)
    except ForbiddenWeightError as error:
        where = f"offset {offset + error.byte}"
        raise ImageError(error.cause, evidence=where, next_step=error.next_step) from error


def _parse_layer(data: memoryview, at: int) -> Layer:
    inputs, neurons, leak, refractory, _, weight, bias, threshold, domain = LAYER.unpack_from(data, at)
    return Layer(
        packed=_parse_weights(data, weight, inputs, neurons),
        bias=_take(data, bias, neurons, "<i2").astype(np.int16),
        threshold_q8=_take(data, threshold, neurons, "<i4").astype(np.int32),
        domain=_take(data, domain, neurons * 2, "<u2").astype(np.uint16).reshape(neurons, 2),
        leak=leak,
        refractory=refractory,
    )


def _parse_encoder(data: memoryview, at: int) -> EncoderSpec:
    if at + ENCODER.size > len(data):
        raise _broken("the encoder record lies outside the file", at)
    kind, transform, levels, features = ENCODER.unpack_from(data, at)
    if kind >= len(ENCODER_KINDS) or transform >= len(ENCODER_TRANSFORMS):
        raise _broken("unknown encoder kind or transform", at)
    table = _take(data, at + ENCODER.size, 2 * features, "<f4").astype(np.float32)
    return EncoderSpec(ENCODER_KINDS[kind], ENCODER_TRANSFORMS[transform], levels, table[:features], table[features:])


def _parse_body(data: memoryview, n_layers: int, n_steps: int) -> Image:
    tables = HEADER.size + DIRECTORY.size
    if tables + LAYER.size * n_layers > len(data):
        raise _broken("the layer table lies outside the file", tables)
    gain, readout, encoder, metadata, length = DIRECTORY.unpack_from(data, HEADER.size)
    layers = tuple(_parse_layer(data, tables + LAYER.size * i) for i in range(n_layers))
    if not layers:
        raise _broken("the image has no layer", tables)
    try:
        text = json.loads(_take(data, metadata, length, "u1").tobytes().decode())
    except ValueError as error:
        raise _broken(f"the metadata is not JSON text ({error})", metadata) from error
    return Image(
        layers=layers,
        gain=_take(data, gain, 256, "<u2").astype(np.uint16),
        readout_class=_take(data, readout, layers[-1].n_neurons, "<u2").astype(np.uint16),
        n_steps=n_steps,
        encoder=_parse_encoder(data, encoder),
        metadata=text,
    )
