"""Codes of the simulated chip and their corrections: the only writable state, with revision, range and slew limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.code_forms import apply_form
from nt_hil.messages import ChunkFlag, CodesWriteRequest, CorrectionWriteRequest, ErrorCode
from nt_hil.refusal import Refusal
from nt_model.correction import Corrections, PackedArray

ByteArray = NDArray[np.uint8]
_FIRST, _LAST = int(ChunkFlag.FIRST), int(ChunkFlag.LAST)


@dataclass(frozen=True)
class CodeLimits:
    """Range and slew of the codes: `code_min`..`code_max`; `max_move_code` per write, 255 for no limit."""

    code_min: int = 0
    code_max: int = 255
    max_move_code: int = 255


NO_LIMITS = CodeLimits()


class CodeBank:
    """`codes` (n_codes,) uint8, `corrections` (n_codes,) uint32 as packed and whether any of them `corrects`, and the
    revision of both; a write that is refused leaves all as they were."""

    def __init__(self, codes: ByteArray, limits: CodeLimits, corrections: PackedArray | None = None) -> None:
        self.codes = codes.copy()
        self.corrections = np.zeros(len(codes), np.uint32) if corrections is None else corrections.copy()
        self._parabolas = Corrections.unpack(self.corrections)
        self.corrects = bool(self.corrections.any())
        self.revision = 0
        self.limits = limits
        self._staged: ByteArray | None = None

    def _require_inside(self, start: int, count: int) -> None:
        if start + count > len(self.codes):
            raise Refusal(ErrorCode.INDEX_RANGE, index=start + count - 1, limit=len(self.codes))

    def read(self, start: int, count: int) -> bytes:
        self._require_inside(start, count)
        return self.codes[start : start + count].tobytes()

    def read_corrections(self, start: int, count: int) -> tuple[int, ...]:
        self._require_inside(start, count)
        return tuple(self.corrections[start : start + count].tolist())

    def dac_codes(self, codes: ByteArray) -> ByteArray:
        """What the DACs get for calibrated `codes` (n_codes,) uint8."""
        if not self.corrects:
            return codes
        return self._parabolas.dac_codes(codes, self.limits.code_min, self.limits.code_max)

    def correct(self, request: CorrectionWriteRequest) -> int:
        """Take over corrections; gives the revision.

        Raises:
            Refusal: nothing was changed, save that the staging area is empty.
        """
        self._staged = None
        if request.base_revision != self.revision:
            raise Refusal(ErrorCode.STALE_REVISION, seen=self.revision)
        self._require_inside(request.start, len(request.corrections))
        packed = self.corrections.copy()
        packed[request.start : request.start + len(request.corrections)] = request.corrections
        parabolas = Corrections.unpack(packed)
        after = parabolas.dac_codes(self.codes, self.limits.code_min, self.limits.code_max)
        self._check_slew(after.astype(np.int64) - self.dac_codes(self.codes))
        self.corrections, self._parabolas, self.corrects = packed, parabolas, bool(packed.any())
        return self.moved()

    def write(self, request: CodesWriteRequest) -> int:
        """Stage a chunk and, with LAST, apply all; gives the revision.

        Raises:
            Refusal: nothing was changed and the staging area is empty.
        """
        staged, self._staged = self._staged, None
        if request.base_revision != self.revision:
            raise Refusal(ErrorCode.STALE_REVISION, seen=self.revision)
        if request.chunk & _FIRST:
            staged = self.codes.copy()
        elif staged is None:
            raise Refusal(ErrorCode.NOT_STAGED)
        apply_form(staged, request.form, request.start, request.data)
        if not request.chunk & _LAST:
            self._staged = staged
            return self.revision
        self._check(staged)
        return self.replace(staged)

    def _check(self, codes: ByteArray) -> None:
        if self.limits == NO_LIMITS:
            return
        move = codes.astype(np.int64) - self.codes
        for bad, bound in (
            ((move != 0) & (codes < self.limits.code_min), self.limits.code_min),
            ((move != 0) & (codes > self.limits.code_max), self.limits.code_max),
        ):
            if bad.any():
                index = int(np.flatnonzero(bad)[0])
                raise Refusal(ErrorCode.CODE_RANGE, index=index, seen=int(codes[index]), limit=bound)
        self._check_slew(move)

    def _check_slew(self, move: NDArray[np.int64]) -> None:
        too_far = np.flatnonzero(np.abs(move) > self.limits.max_move_code)
        if len(too_far):
            index = int(too_far[0])
            raise Refusal(ErrorCode.SLEW_LIMIT, index=index, seen=int(move[index]), limit=self.limits.max_move_code)

    def replace(self, codes: ByteArray) -> int:
        """Take over codes that were checked; gives the new revision."""
        self.codes = codes.copy()
        return self.moved()

    def stand_at(self, revision: int) -> None:
        """After writes and learning steps that were checked and done elsewhere, in place."""
        self._staged = None
        self.revision = revision

    def moved(self) -> int:
        """A new revision; whatever was staged for the old one is forgotten."""
        self._staged = None
        self.revision = (self.revision + 1) & 0xFFFFFFFF
        return self.revision
