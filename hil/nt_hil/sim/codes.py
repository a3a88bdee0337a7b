"""Codes of the simulated chip: the only writable state, with revision, range and slew limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.code_forms import apply_form
from nt_hil.messages import ChunkFlag, CodesWriteRequest, ErrorCode
from nt_hil.refusal import Refusal

ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class CodeLimits:
    """Range and slew of the codes: `code_min`..`code_max`; `max_move_code` per write, 255 for no limit."""

    code_min: int = 0
    code_max: int = 255
    max_move_code: int = 255


class CodeBank:
    """`codes` (n_codes,) uint8 and their revision; a write that is refused leaves both as they were."""

    def __init__(self, codes: ByteArray, limits: CodeLimits) -> None:
        self.codes = codes.copy()
        self.revision = 0
        self.limits = limits
        self._staged: ByteArray | None = None

    def read(self, start: int, count: int) -> bytes:
        if start + count > len(self.codes):
            raise Refusal(ErrorCode.INDEX_RANGE, index=start + count - 1, limit=len(self.codes))
        return self.codes[start : start + count].tobytes()

    def write(self, request: CodesWriteRequest) -> int:
        """Stage a chunk and, with LAST, apply all; gives the revision.

        Raises:
            Refusal: nothing was changed and the staging area is empty.
        """
        staged, self._staged = self._staged, None
        if request.base_revision != self.revision:
            raise Refusal(ErrorCode.STALE_REVISION, seen=self.revision)
        if request.chunk & ChunkFlag.FIRST:
            staged = self.codes.copy()
        elif staged is None:
            raise Refusal(ErrorCode.NOT_STAGED)
        apply_form(staged, request.form, request.start, request.data)
        if not request.chunk & ChunkFlag.LAST:
            self._staged = staged
            return self.revision
        self._check(staged)
        return self.replace(staged)

    def _check(self, codes: ByteArray) -> None:
        move = codes.astype(np.int64) - self.codes
        for bad, bound in (
            ((move != 0) & (codes < self.limits.code_min), self.limits.code_min),
            ((move != 0) & (codes > self.limits.code_max), self.limits.code_max),
        ):
            if bad.any():
                index = int(np.flatnonzero(bad)[0])
                raise Refusal(ErrorCode.CODE_RANGE, index=index, seen=int(codes[index]), limit=bound)
        too_far = np.flatnonzero(np.abs(move) > self.limits.max_move_code)
        if len(too_far):
            index = int(too_far[0])
            raise Refusal(ErrorCode.SLEW_LIMIT, index=index, seen=int(move[index]), limit=self.limits.max_move_code)

    def replace(self, codes: ByteArray) -> int:
        """Take over codes that were checked; gives the new revision."""
        self.codes = codes.copy()
        self._staged = None
        self.revision = (self.revision + 1) & 0xFFFFFFFF
        return self.revision
