"""CORRECTION_WRITE requests, and the steps in which a slew limit lets corrections be changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo
from nt_hil.exchange import Outgoing
from nt_model.correction import Corrections, Int64Array


def correction_requests(corrections: Corrections, revision: int, max_payload: int) -> list[Outgoing]:
    """Requests that write all corrections, the first one based on `revision`."""
    packed = corrections.pack().tolist()
    room = (max_payload - m.CorrectionWriteRequest.HEAD_SIZE) // 4
    requests = []
    for number, start in enumerate(range(0, len(packed), room)):
        base = (revision + number) & 0xFFFFFFFF
        request = m.CorrectionWriteRequest(base, start, tuple(packed[start : start + room]))
        requests.append(Outgoing(request.TYPE, request.pack()))
    return requests


def stepwise(before: Corrections, after: Corrections, codes: ByteArray, info: ChipInfo) -> Iterator[Corrections]:
    """Corrections on the way from `before` to `after`, the latter last; none moves a DAC by more than the chip's limit
    at `codes` (n_codes,) uint8."""
    moves = after.dac_codes(codes, info.code_min, info.code_max).astype(np.int64)
    moves -= before.dac_codes(codes, info.code_min, info.code_max)
    # A rounding of each of the two ends may add a code to a part of the move.
    steps = -(-int(np.abs(moves).max(initial=0)) // max(1, info.max_move_code - 2)) if info.max_move_code < 255 else 1
    for step in range(1, max(1, steps) + 1):
        yield _between(before, after, step, max(1, steps))


def _between(before: Corrections, after: Corrections, step: int, steps: int) -> Corrections:
    def part(a: Int64Array, b: Int64Array) -> Int64Array:
        return a + (b - a) * step // steps

    return Corrections(
        part(before.offset_q4, after.offset_q4), part(before.slope_q9, after.slope_q9), part(before.bow, after.bow)
    )
