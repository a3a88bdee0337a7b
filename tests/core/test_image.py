"""The C parser accepts what the golden one accepts, refuses what it refuses, and survives any bytes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.core import check_image, crc32c
from nt_model.crc import crc32c as reference_crc32c
from nt_model.errors import NtError
from nt_model.image_file import image_bytes, parse_image
from tests.core.cases import ImageChoice, build_image, image_choices
from tests.core.test_array import choice_of, few, many

LENGTH, CRC, DIGEST, WEIGHT, COUNT = -18, -19, -20, -23, -28
HEADER_FIELDS = range(8, 28)
STRUCTURE = range(64, 200)


def resealed(data: bytearray) -> bytes:
    """`data` with total length, SHA-256 and CRC-32C made right again, so that the checks behind them are reached."""
    data[12:16] = len(data).to_bytes(4, "little")
    data[28:60] = hashlib.sha256(bytes(data[:28]) + bytes(data[64:])).digest()
    data[60:64] = reference_crc32c(bytes(data[:60]) + bytes(data[64:])).to_bytes(4, "little")
    return bytes(data)


def golden_refusal(data: bytes) -> str:
    """Why the golden parser refuses; empty if it does not."""
    try:
        parse_image(data)
    except NtError as error:
        return error.cause
    except (AttributeError, TypeError) as error:
        # Metadata that is JSON but not an object.
        return f"metadata: {error}"
    return ""


def assert_same_verdict(data: bytes) -> None:
    result, refusal = check_image(data), golden_refusal(data)
    if refusal == "" or "metadata is not JSON" in refusal:
        # The core reads neither the metadata nor Python's counts; it does hold its own against the tables.
        assert result in (0, COUNT) or header_counts_differ(data), (result, refusal)
    else:
        assert result < 0, refusal


def header_counts_differ(data: bytes) -> bool:
    """The header counts classes that the read-out map does not have, which only the core checks."""
    stored = int.from_bytes(data[24:26], "little")
    try:
        return stored != parse_image(data).image.n_classes
    except NtError:
        return True


@few
@given(image_choices)
def test_what_the_compiler_writes_is_accepted(choice: ImageChoice) -> None:
    assert check_image(image_bytes(build_image(choice))) == 0


def test_every_truncation_is_refused() -> None:
    data = image_bytes(build_image(choice_of((5, 9, 3))))
    for length in range(len(data)):
        assert check_image(data[:length]) == LENGTH
    assert check_image(data + b"\0") == LENGTH


def test_truncations_with_a_matching_header_get_the_golden_verdict() -> None:
    data = image_bytes(build_image(choice_of((5, 9, 3))))
    for length in range(64, len(data)):
        assert_same_verdict(resealed(bytearray(data[:length])))


def test_every_flipped_bit_is_refused() -> None:
    data = image_bytes(build_image(choice_of((5, 9, 3))))
    for at in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[at] ^= 1 << bit
            assert check_image(bytes(altered)) < 0, (at, bit)


def test_digest_is_checked_behind_the_crc() -> None:
    data = bytearray(image_bytes(build_image(choice_of((5, 9, 3)))))
    data[40] ^= 1
    data[60:64] = reference_crc32c(bytes(data[:60]) + bytes(data[64:])).to_bytes(4, "little")
    assert check_image(bytes(data)) == DIGEST


def test_nibble_zero_is_refused() -> None:
    image = build_image(choice_of((5, 9, 3)))
    data = bytearray(image_bytes(image))
    at = int.from_bytes(data[84 + 12 : 84 + 16], "little")
    for neuron in range(9):
        altered = data.copy()
        altered[at + neuron // 2] &= 0xF0 if neuron % 2 == 0 else 0x0F
        assert check_image(resealed(altered)) == WEIGHT


@many
@given(image_choices.filter(lambda c: sum(c.sizes) < 100), st.data())
def test_altered_and_resealed_images_get_the_golden_verdict(choice: ImageChoice, data: st.DataObject) -> None:
    altered = bytearray(image_bytes(build_image(choice)))
    where = st.one_of(st.sampled_from(HEADER_FIELDS), st.sampled_from(STRUCTURE), st.integers(64, len(altered) - 1))
    interesting = st.one_of(st.integers(0, 255), st.sampled_from((0, 1, 4, 127, 128, 255)))
    for at, value in data.draw(st.lists(st.tuples(where, interesting), min_size=1, max_size=4)):
        if at < len(altered) and at not in range(28, 64):
            altered[at] = value
    assert_same_verdict(resealed(altered))


@many
@given(st.binary(max_size=400))
def test_garbage_behind_a_good_seal_is_refused(body: bytes) -> None:
    data = bytearray(b"NTROM\r\n\0" + b"\1\0\0\0" + bytes(52) + body)
    data[20:28] = body[:8].ljust(8, b"\1")
    assert check_image(resealed(data)) < 0


@few
@given(st.integers(0, 2**32 - 1))
def test_shuffled_tables_get_the_golden_verdict(seed: int) -> None:
    """Offsets that overlap, that point back into the header, or just outside the file."""
    rng = np.random.default_rng(seed)
    data = bytearray(image_bytes(build_image(choice_of((5, 9, 3)))))
    slots = [64, 68, 72, 76, 80, *(84 + 28 * layer + part for layer in (0, 1) for part in (0, 4, 12, 16, 20, 24))]
    near = [
        0,
        56,
        60,
        64,
        84,
        len(data) - 8,
        len(data) - 4,
        len(data),
        2**31,
        2**32 - 8,
        2**32 - 4,
        1,
        9,
        2**20,
        2**20 + 1,
    ]
    at = int(rng.choice(slots))
    data[at : at + 4] = int(rng.choice(near)).to_bytes(4, "little")
    assert_same_verdict(resealed(data))


@pytest.mark.parametrize("length", [0, 1, 3, 63, 64, 65, 1000])
def test_crc_agrees_with_the_reference(length: int) -> None:
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == reference_crc32c(data)


def test_crc_of_the_standard_check_string() -> None:
    assert crc32c(b"123456789") == 0xE3069283
