"""Device loop of the simulated chip: settings, state and step counter; batches may come in chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_hil.learn_state_frames import STATE_RECORD
from nt_hil.messages import ChunkFlag, ErrorCode, LearnRequest, LearnStartRequest
from nt_hil.refusal import Refusal
from nt_hil.sim.codes import CodeLimits
from nt_model.learn import LearnSettings, LearnState

Int64Array = NDArray[np.int64]
_FIRST, _LAST = int(ChunkFlag.FIRST), int(ChunkFlag.LAST)


def _checked_settings(request: LearnStartRequest, limits: CodeLimits) -> LearnSettings:
    rows = (
        (request.hidden_dither, 1, 127),
        (request.output_dither, 1, 127),
        (request.rate_q8, 1, 32767),
        (request.max_move_code, 1, min(127, limits.max_move_code)),
        (request.code_min, limits.code_min, limits.code_max),
        (request.code_max, max(limits.code_min, request.code_min), limits.code_max),
    )
    for index, (value, low, high) in enumerate(rows, start=1):
        if not low <= value <= high:
            raise Refusal(ErrorCode.SETTING_RANGE, index=index, seen=value, limit=low if value < low else high)
    return LearnSettings(
        request.hidden_dither,
        request.output_dither,
        request.rate_q8,
        request.max_move_code,
        request.code_min,
        request.code_max,
    )


class Learner:
    """What LEARN_START sets up, or `resume` finds; `state` is None until then."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.settings = LearnSettings()
        self.state: LearnState | None = None
        self.step = 0
        self._staged: list[tuple[int, ...]] | None = None

    def start(self, request: LearnStartRequest, limits: CodeLimits, codes: NDArray[np.uint8]) -> int:
        """Start from `codes` (n_codes,) uint8; gives the step counter."""
        self.settings = _checked_settings(request, limits)
        self.state = LearnState.at(codes)
        self.step = request.first_step
        self._staged = None
        return self.step

    def saved(self) -> bytes:
        """What a commit keeps: the LEARN_START that would set it up, and a record per code; empty without learning."""
        if self.state is None:
            return b""
        each = self.settings
        start = LearnStartRequest(
            self.step,
            each.hidden_dither_code,
            each.output_dither_code,
            each.rate_q8,
            each.max_move_code,
            each.code_min,
            each.code_max,
        )
        records = np.zeros(len(self.state.codes), STATE_RECORD)
        records["accumulator_q8"], records["mean_q8"] = self.state.accumulator_q8, self.state.mean_q8
        return start.pack() + records.tobytes()

    def resume(self, saved: bytes, limits: CodeLimits, codes: NDArray[np.uint8]) -> None:
        """Go on from what `saved` gave, at `codes` (n_codes,) uint8; not on a chip with other codes
        or with limits that refuse its settings."""
        head = LearnStartRequest.HEAD_SIZE
        if len(saved) != head + len(codes) * STATE_RECORD.itemsize:
            return
        try:
            self.start(LearnStartRequest.parse(saved[:head]), limits, codes)
        except Refusal:
            return
        records = np.frombuffer(saved[head:], STATE_RECORD)
        self.state = LearnState(
            codes.copy(), records["accumulator_q8"].astype(np.int16), records["mean_q8"].astype(np.uint32)
        )

    def is_done(self, request: LearnRequest) -> bool:
        """True where this step was done already.

        Raises:
            Refusal: NOT_LEARNING, or WRONG_STEP for any other step than the next and the last one.
        """
        if self.state is None:
            raise Refusal(ErrorCode.NOT_LEARNING)
        if (request.expected_step + 1) & 0xFFFFFFFF == self.step:
            return True
        if request.expected_step != self.step:
            raise Refusal(ErrorCode.WRONG_STEP, seen=self.step)
        return False

    def collect(self, request: LearnRequest) -> tuple[Int64Array, Int64Array] | None:
        """Keep a chunk; with LAST gives slots and labels (B,) int64 of the whole batch."""
        staged, self._staged = self._staged, None
        if request.chunk & _FIRST:
            staged = []
        elif staged is None:
            raise Refusal(ErrorCode.NOT_STAGED)
        if len(request.pairs) % 2:
            raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(request.pairs) * 2)
        staged.append(request.pairs)
        if not request.chunk & _LAST:
            self._staged = staged
            return None
        pairs = staged[0] if len(staged) == 1 else tuple(value for chunk in staged for value in chunk)
        labels = pairs[1::2]
        if labels and max(labels) >= self.n_classes:
            index = next(i for i, label in enumerate(labels) if label >= self.n_classes)
            raise Refusal(ErrorCode.LABEL_RANGE, index=index, seen=labels[index], limit=self.n_classes)
        return np.array(pairs[::2], np.int64), np.array(labels, np.int64)

    def settings_at(self, rate_q8: int) -> LearnSettings:
        """Settings with the rate of this step."""
        if not 1 <= rate_q8 <= 32767:
            raise Refusal(ErrorCode.SETTING_RANGE, index=2, seen=rate_q8, limit=1 if rate_q8 < 1 else 32767)
        return replace(self.settings, rate_q8=rate_q8)

    def stand_at(self, step: int) -> None:
        """After steps that were done elsewhere, in place."""
        self._staged = None
        self.step = step

    def advance(self) -> None:
        self.step = (self.step + 1) & 0xFFFFFFFF
