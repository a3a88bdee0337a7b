"""Image files: what is written is read, and what is broken is refused with the offset."""

from __future__ import annotations

import dataclasses
import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.crc import PIECE, crc32c
from nt_model.errors import ImageError, VersionMismatchError
from nt_model.image_file import HEADER, image_bytes, parse_image, read_image, write_image
from nt_model.weights import WORDS_AT_ONCE, PackedWeights
from tests.model.strategies import images, make_image


def redigested(data: bytearray) -> bytes:
    """`data` with SHA-256 and CRC made right again, so that the checks behind them are reached."""
    data[28:60] = hashlib.sha256(bytes(data[:28]) + bytes(data[64:])).digest()
    return resealed(data)


def resealed(data: bytearray) -> bytes:
    """`data` with its CRC made right again, so that the checks behind the CRC are reached."""
    data[60:64] = crc32c(bytes(data[:60]) + bytes(data[64:])).to_bytes(4, "little")
    return bytes(data)


@given(images)
def test_what_is_written_is_read(image):
    back = parse_image(image_bytes(image)).image
    for before, after in zip(image.layers, back.layers, strict=True):
        assert np.array_equal(before.packed.columns, after.packed.columns)
        for name in ("weight", "bias", "threshold_q8", "domain", "leak", "refractory"):
            assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert np.array_equal(image.gain, back.gain)
    assert np.array_equal(image.readout_class, back.readout_class)
    assert dict(image.metadata) == dict(back.metadata)
    assert image_bytes(back) == image_bytes(image)


def test_every_truncation_is_refused():
    data = image_bytes(make_image(1, (5, 4, 3)))
    for length in range(len(data)):
        with pytest.raises(ImageError):
            parse_image(data[:length])


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_every_altered_byte_is_refused(where, change):
    data = bytearray(image_bytes(make_image(1, (5, 4, 3))))
    data[where % len(data)] ^= change
    with pytest.raises((ImageError, VersionMismatchError)) as caught:
        parse_image(bytes(data))
    assert "offset" in caught.value.evidence


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_alteration_that_mends_the_crc_fails_the_digest(where, change):
    data = bytearray(image_bytes(make_image(1, (5, 4, 3))))
    data[HEADER.size + where % (len(data) - HEADER.size)] ^= change
    with pytest.raises(ImageError, match="SHA-256"):
        parse_image(resealed(data))


@given(st.integers(0, 5 * 8 - 1), st.sampled_from([0x0F, 0xF0]))
def test_a_forbidden_nibble_is_refused_when_the_file_is_read(where, kept):
    image = make_image(1, (5, 13, 3))
    data = bytearray(image_bytes(image))
    offset = data.index(image.layers[0].packed.columns.tobytes()) + where
    data[offset] &= kept
    with pytest.raises(ImageError, match="nibble 0") as caught:
        parse_image(redigested(data))
    assert caught.value.evidence == f"offset {offset}"
    assert (caught.value.exit_code, caught.value.next_step) == (2, "rebuild the image with `nt-host build`")


def test_loading_takes_little_more_than_the_file(tmp_path):
    """The int8 form would be twice the packed weights, and is the negative control."""
    path = tmp_path / "a.ntrom"
    write_image(path, make_image(1, (2048, 1024, 8)))
    tracemalloc.start()
    try:
        image = read_image(path).image
        loaded = tracemalloc.get_traced_memory()[1]
        assert image.layers[0].weight.nbytes == 2048 * 1024
        unpacked = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # What one piece of the checks needs beside the file is the same for large files.
    pieces = 4 * 2 * WORDS_AT_ONCE + PIECE
    assert loaded < 1.2 * path.stat().st_size + pieces
    assert unpacked > 2.9 * path.stat().st_size


def test_a_file_overwritten_later_changes_nothing(tmp_path):
    path = tmp_path / "a.ntrom"
    write_image(path, make_image(1, (50, 40, 3)))
    loaded = read_image(path)
    path.write_bytes(image_bytes(make_image(2, (50, 40, 3))))
    assert np.array_equal(loaded.image.layers[0].weight, make_image(1, (50, 40, 3)).layers[0].weight)
    path.write_bytes(b"")
    assert image_bytes(loaded.image)[28:60].hex() == loaded.digest


def test_a_newer_major_version_is_refused_as_such():
    data = bytearray(image_bytes(make_image(1, (5, 4, 3))))
    data[8] += 1
    with pytest.raises(VersionMismatchError, match=r"2\.0"):
        parse_image(resealed(data))


def test_writing_is_atomic_and_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "a.ntrom"
    digest = write_image(path, make_image(1, (5, 4, 3)))
    assert read_image(path).digest == digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ntrom"]


@pytest.mark.parametrize("weight", [-8, 8, 100])
def test_a_weight_outside_four_bits_is_refused(weight):
    good = make_image(1, (5, 4, 3))
    bad = good.layers[0].weight.copy()
    bad[0, 0] = weight
    with pytest.raises(ImageError, match="outside -7"):
        dataclasses.replace(good.layers[0], packed=PackedWeights.of(bad))


def test_a_domain_map_with_holes_is_refused():
    good = make_image(1, (5, 4, 3))
    moved = dataclasses.replace(good.layers[-1], domain=good.layers[-1].domain + np.uint16(3))
    with pytest.raises(ImageError, match="holes"):
        dataclasses.replace(good, layers=(*good.layers[:-1], moved))
