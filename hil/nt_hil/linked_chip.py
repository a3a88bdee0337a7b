"""The part of a chip's interface that concerns its lasting state: codes, corrections, and what resets do to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from typing import Any, TypeVar

import numpy as np

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo, ChipStatus, Traffic
from nt_hil.code_forms import code_chunks
from nt_hil.correction_frames import correction_requests, stepwise
from nt_hil.exchange import Outgoing
from nt_hil.hello_info import chip_info
from nt_hil.messages import ChunkFlag
from nt_hil.refusal import SessionLostError, StaleRevisionError
from nt_hil.session import Session
from nt_model.correction import Corrections, PackedArray
from nt_model.errors import DeviceError, EnvironmentMissingError, LinkError, UsageError

try:
    from nt_model.core_requests import codes_write_payload

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

_T = TypeVar("_T")
READ_ATTEMPTS = 3
RESETS_BORNE = 3
_FIRST, _LAST = int(ChunkFlag.FIRST), int(ChunkFlag.LAST)


class LinkedChip:
    """A chip behind `session`; says HELLO when made. See `chip.Chip` for the calls."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._info = chip_info(session.hello())
        self._codes: ByteArray | None = None
        self._revision = 0
        self._intended: ByteArray | None = None
        self._intended_corrections: PackedArray | None = None
        self._learning = False
        self._learning_step = 0
        self.resets_survived = 0
        self._see_where_it_stands()

    @property
    def info(self) -> ChipInfo:
        return self._info

    @property
    def traffic(self) -> Traffic:
        return self.session.counter.snapshot()

    def _resync(self) -> None:
        """After a call that ended without its answers: ask where the chip stands before anything else."""
        if self.session.broken:
            self._recover()

    def _ask(self, kind: int, payload: bytes) -> bytes:
        self._resync()
        return self.session.exchange([Outgoing(kind, payload)])[0].payload

    def _through_resets(self, call: Callable[..., _T], *given: Any) -> _T:
        """`call(*given)`; where the chip boots under way, restore samples and codes and call again.

        Raises:
            SessionLostError: another host took over, the device loop was running (its state is gone), or the chip
                boots again and again.
        """
        if self.session.broken:
            self._recover()
        for _ in range(RESETS_BORNE):
            try:
                return call(*given)
            except SessionLostError:
                if not self._recover():
                    raise
        return call(*given)

    def _recover(self) -> bool:
        """Say HELLO again; where the chip has booted, restore what it has lost. True where it has booted."""
        restorers, learning, boots = self._restorers(), self._learning, self._info.boot_count
        self.reconnect()
        if self._info.boot_count == boots:
            return False
        if learning:
            raise SessionLostError(
                "the chip restarted while its own loop was learning",
                evidence=f"reset reason: {self._info.reset_reason}",
                next_step="start the device loop again from the last snapshot of the codes",
            )
        with suppress(SessionLostError):  # It may boot again; the call that follows will notice.
            for restore in restorers:
                restore()
        self.resets_survived += 1
        return True

    def _restorers(self) -> Sequence[Callable[[], None]]:
        """What brings back, after a boot, what this host has put on the chip so far; called in this order."""
        codes, corrections = self._intended, self._intended_corrections
        restorers: list[Callable[[], None]] = []
        if corrections is not None:
            restorers.append(partial(self._correct, corrections))
        if codes is not None:
            restorers.append(partial(self._restore_codes, codes))
        return restorers

    def _restore_codes(self, codes: ByteArray) -> None:
        self._intended = codes
        for move in self._moves(self._read_all()[0], codes):
            self._write(move)
        self._intended = codes

    def _moves(self, before: ByteArray, after: ByteArray) -> list[ByteArray]:
        """Codes on the way from `before` to `after`, the latter last, in moves that the slew limit allows."""
        limit = self._info.max_move_code
        if limit == 255:
            goal = after.astype(np.uint8)
            return [goal] if before.tobytes() != goal.tobytes() else []
        moves = []
        present = before.astype(np.int64)
        while (present != after).any():
            present += np.clip(after - present, -limit, limit)
            moves.append(present.astype(np.uint8))
        return moves

    def status(self) -> ChipStatus:
        answer = m.StatusResponse.parse(self._ask(m.StatusRequest.TYPE, m.StatusRequest().pack()))
        samples, revision, learning, *rest = astuple(answer)
        return ChipStatus(samples, revision, bool(learning), *rest)

    def read_codes(self) -> tuple[ByteArray, int]:
        return self._through_resets(self._read_all)

    def _read_all(self) -> tuple[ByteArray, int]:
        for _ in range(READ_ATTEMPTS):
            answers = self._read_once()
            revisions = {answer.revision for answer in answers}
            if len(revisions) == 1:
                codes = np.frombuffer(b"".join(answer.codes for answer in answers), np.uint8).copy()
                self._codes, self._revision = codes, revisions.pop()
                return codes.copy(), self._revision
        raise DeviceError(
            "the codes keep changing while they are read",
            evidence=f"{READ_ATTEMPTS} attempts",
            next_step="stop the other program that writes to this chip",
        )

    def _read_once(self) -> list[m.CodesReadResponse]:
        room = self._info.max_payload - m.CodesReadResponse.HEAD_SIZE
        count = self._info.n_codes
        requests = [m.CodesReadRequest(start, min(room, count - start)) for start in range(0, count, room)]
        answers = self.session.exchange([Outgoing(request.TYPE, request.pack()) for request in requests])
        return [m.CodesReadResponse.parse(answer.payload) for answer in answers]

    def write_codes(self, codes: ByteArray) -> int:
        if codes.dtype != np.uint8 or codes.shape != (self._info.n_codes,):
            raise UsageError(
                "codes do not fit the chip",
                evidence=f"{codes.dtype} {codes.shape}, the chip has {self._info.n_codes} codes",
            )
        return self._through_resets(lambda: self._write(codes))

    def _write(self, codes: ByteArray) -> int:
        before = self._read_all()[0] if self._codes is None else self._codes
        requests = self._write_requests(before, codes, self._revision)
        try:
            answers = self.session.exchange(requests)
        except (StaleRevisionError, LinkError):
            self._codes = None
            raise
        self._revision = m.CodesWriteResponse.parse(answers[-1].payload).revision
        self._codes = self._intended = codes.copy()
        self.session.counter.code_bytes_written += sum(len(request.payload) for request in requests)
        return self._revision

    def _write_requests(self, before: ByteArray, after: ByteArray, revision: int) -> list[Outgoing]:
        whole = codes_write_payload(before, after, revision, self._info.max_payload) if IN_C else None
        if whole is not None:
            return [Outgoing(m.CodesWriteRequest.TYPE, whole)]
        chunks = list(code_chunks(before, after, self._info.max_payload - m.CodesWriteRequest.HEAD_SIZE))
        requests = []
        for index, chunk in enumerate(chunks):
            place = (_FIRST if index == 0 else 0) | (_LAST if index == len(chunks) - 1 else 0)
            request = m.CodesWriteRequest(revision, place, chunk.form, chunk.start, chunk.data)
            requests.append(Outgoing(request.TYPE, request.pack()))
        return requests

    def read_corrections(self) -> PackedArray:
        return self._through_resets(self._read_corrections)

    def _read_corrections(self) -> PackedArray:
        room = (self._info.max_payload - m.CorrectionReadResponse.HEAD_SIZE) // 4
        count = self._info.n_codes
        requests = [m.CorrectionReadRequest(start, min(room, count - start)) for start in range(0, count, room)]
        answers = self.session.exchange([Outgoing(request.TYPE, request.pack()) for request in requests])
        packed = [m.CorrectionReadResponse.parse(answer.payload).corrections for answer in answers]
        return np.array([word for words in packed for word in words], np.uint32)

    def write_corrections(self, corrections: Corrections) -> int:
        if len(corrections.offset_q4) != self._info.n_codes:
            raise UsageError(
                "corrections do not fit the chip",
                evidence=f"{len(corrections.offset_q4)} of them, the chip has {self._info.n_codes} codes",
            )
        packed = corrections.pack()
        self._through_resets(lambda: self._correct(packed))
        return self._revision

    def _correct(self, packed: PackedArray) -> None:
        self._intended_corrections = packed
        codes = self._read_all()[0]
        present = self._read_corrections()
        for step in stepwise(Corrections.unpack(present), Corrections.unpack(packed), codes, self._info):
            requests = correction_requests(step, self._revision, self._info.max_payload)
            answers = self.session.exchange(requests)
            self._revision = m.CorrectionWriteResponse.parse(answers[-1].payload).revision

    def commit(self) -> int:
        self._resync()
        if self._codes is None:
            self.read_codes()
        request = m.CommitRequest(self._revision)
        return m.CommitResponse.parse(self._ask(request.TYPE, request.pack())).nv_generation

    def reset(self) -> None:
        """Boot the chip and open a new session; codes are those last committed, samples and learning state are gone."""
        # Where the answer is lost, the repeated request meets a chip that has booted and knows no session.
        with suppress(SessionLostError):
            self._ask(m.ResetRequest.TYPE, m.ResetRequest().pack())
        self.reconnect()

    def reconnect(self) -> ChipInfo:
        """Say HELLO again, over the same link, and ask where the chip stands.

        Where it has not booted meanwhile, loaded samples and the device loop go on; else they are gone.
        """
        before = self._info
        self._info = chip_info(self.session.hello())
        self._codes = None
        if self._info.boot_count != before.boot_count or self._info.uid != before.uid:
            self._forget_volatile()
        self._see_where_it_stands()
        return self._info

    def _forget_volatile(self) -> None:
        """The chip has booted, or is another one: what this host has put there is gone."""
        self._intended = self._intended_corrections = None

    def _see_where_it_stands(self) -> None:
        status = self.status()
        self._learning, self._learning_step = status.learning, status.learning_step

    def close(self) -> None:
        """Say GOODBYE and close the link; the chip keeps its state.

        Without a GOODBYE the chip takes the host for lost and goes back to its committed codes after a while. A chip
        that does not answer it any more is left to just that.
        """
        try:
            # A link that fails here has nothing left to lose: what was asked of the chip has been answered.
            with suppress(LinkError):
                self.session.goodbye()
        finally:
            self.session.close()
