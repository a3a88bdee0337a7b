"""Image files: what is written is read, and what is broken is refused with the offset."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.crc import crc32c
from nt_model.errors import ImageError, VersionMismatchError
from nt_model.image_file import HEADER, image_bytes, parse_image, read_image, write_image
from tests.model.strategies import images, make_image


def resealed(data: bytearray) -> bytes:
    """`data` with its CRC made right again, so that the checks behind the CRC are reached."""
    data[60:64] = crc32c(bytes(data[:60]) + bytes(data[64:])).to_bytes(4, "little")
    return bytes(data)


@given(images)
def test_what_is_written_is_read(image):
    back = parse_image(image_bytes(image)).image
    for before, after in zip(image.layers, back.layers, strict=True):
        for field in dataclasses.fields(before):
            assert np.array_equal(getattr(before, field.name), getattr(after, field.name)), field.name
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
        dataclasses.replace(good.layers[0], weight=bad)


def test_a_domain_map_with_holes_is_refused():
    good = make_image(1, (5, 4, 3))
    moved = dataclasses.replace(good.layers[-1], domain=good.layers[-1].domain + np.uint16(3))
    with pytest.raises(ImageError, match="holes"):
        dataclasses.replace(good, layers=(*good.layers[:-1], moved))
