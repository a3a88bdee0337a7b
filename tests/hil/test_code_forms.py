"""Codes travel in the shortest form and arrive as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_hil.code_forms import apply_form, code_chunks
from nt_hil.messages import CodeForm, ErrorCode
from nt_hil.refusal import Refusal


@given(st.integers(1, 3000), st.floats(0, 1), st.integers(3, 600), st.integers(0, 99))
@settings(deadline=None)
def test_chunks_turn_one_vector_into_the_other(size: int, share: float, room: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 256, size).astype(np.uint8)
    after = np.where(rng.random(size) < share, before ^ 1, before).astype(np.uint8)
    chunks = list(code_chunks(before, after, room))
    assert chunks
    assert all(len(chunk.data) <= room for chunk in chunks)
    for chunk in chunks:
        apply_form(before, chunk.form, chunk.start, chunk.data)
    assert (before == after).all()


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
