"""Codes travel in the shortest form and arrive as they were."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_hil.code_forms import IN_C, apply_form, apply_form_in_python, code_chunks
from nt_hil.messages import ChunkFlag, CodeForm, CodesWriteRequest, ErrorCode
from nt_hil.refusal import Refusal
from nt_model.core_requests import codes_write_payload

Applies = Callable[[NDArray[np.uint8], int, int, bytes], None]


@given(st.integers(1, 3000), st.floats(0, 1), st.integers(3, 600), st.integers(0, 99))
@settings(deadline=None)
def test_chunks_turn_one_vector_into_the_other(size: int, share: float, room: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 256, size).astype(np.uint8)
    after = np.where(rng.random(size) < share, before ^ 1, before).astype(np.uint8)
    chunks = list(code_chunks(before, after, room))
    assert chunks
    whole = codes_write_payload(before, after, seed, room + CodesWriteRequest.HEAD_SIZE)
    (first, *rest) = chunks
    request = CodesWriteRequest(seed, ChunkFlag.FIRST | ChunkFlag.LAST, first.form, first.start, first.data)
    assert whole == (None if rest else request.pack())
    assert all(len(chunk.data) <= room for chunk in chunks)
    for chunk in chunks:
        apply_form(before, chunk.form, chunk.start, chunk.data)
    assert (before == after).all()


@given(
    st.integers(1, 40),
    st.sampled_from([0, 1, 2, 3]),
    st.one_of(st.integers(0, 45), st.just(2**32 - 1)),
    st.one_of(st.binary(max_size=40), st.binary(max_size=8).map(lambda tail: bytes([len(tail) * 3, 0, 7, 1]) + tail)),
)
def test_data_are_read_in_c_as_in_python(size: int, form: int, start: int, data: bytes) -> None:
    assert IN_C
    assert _outcome(apply_form, size, form, start, data) == _outcome(apply_form_in_python, size, form, start, data)


def _outcome(apply: Applies, size: int, form: int, start: int, data: bytes) -> tuple[bytes, ErrorCode | None, int]:
    codes = np.zeros(size, np.uint8)
    try:
        apply(codes, form, start, data)
    except Refusal as refusal:
        return codes.tobytes(), refusal.error, refusal.index
    return codes.tobytes(), None, 0


@pytest.mark.parametrize(
    ("changed", "form"), [(range(100), CodeForm.DENSE), ((3, 90), CodeForm.SPARSE), (range(0, 100, 2), CodeForm.MASKED)]
)
def test_the_shortest_form_is_taken(changed: range, form: CodeForm) -> None:
    before = np.zeros(100, np.uint8)
    after = before.copy()
    after[list(changed)] = 9
    (chunk,) = code_chunks(before, after, 500)
    assert chunk.form is form


@pytest.mark.parametrize(
    ("form", "start", "data", "error"),
    [
        (0, 5, b"abcdef", ErrorCode.INDEX_RANGE),
        (0, 2**31, b"a", ErrorCode.INDEX_RANGE),
        (1, 0, b"abcd", ErrorCode.BAD_PAYLOAD),
        (2, 0, b"\x08\x00\x03a", ErrorCode.BAD_PAYLOAD),
        (2, 0, b"\x08", ErrorCode.BAD_PAYLOAD),
        (7, 0, b"", ErrorCode.BAD_PAYLOAD),
    ],
)
def test_wrong_chunks_change_nothing(form: int, start: int, data: bytes, error: ErrorCode) -> None:
    codes = np.zeros(10, np.uint8)
    with pytest.raises(Refusal) as caught:
        apply_form(codes, form, start, data)
    assert caught.value.error is error
    assert not codes.any()
