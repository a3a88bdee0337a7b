"""The host's one code path to a chip: the Chip interface over a session, whatever the link."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo, ChipStatus, Readout, Response, Traffic
from nt_hil.code_forms import code_chunks
from nt_hil.exchange import Outgoing
from nt_hil.hello_info import chip_info
from nt_hil.messages import ChunkFlag
from nt_hil.records import RecordLayout
from nt_hil.refusal import SessionLostError, StaleRevisionError
from nt_hil.sample_frames import checked_samples, joined_records, load_requests, present_requests, record_layout
from nt_hil.session import Session
from nt_model.errors import DeviceError, LinkError, UsageError
from nt_model.learn import LearnSettings

Int64Array = NDArray[np.int64]
_T = TypeVar("_T")
READ_ATTEMPTS = 3
RESETS_BORNE = 3


class ChipClient:
    """A chip behind `session`; says HELLO when made. See `chip.Chip` for the calls.

    `present` uses slots that `load_samples` left free; where there are none it takes them all, and the loaded samples
    must be loaded again before `present_loaded`.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._info = chip_info(session.hello())
        self._codes: ByteArray | None = None
        self._revision = 0
        self._loaded = 0
        self._samples: ByteArray | None = None
        self._intended: ByteArray | None = None
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

    def _through_resets(self, call: Callable[[], _T]) -> _T:
        """`call()`; where the chip boots under way, restore samples and codes and call again.

        Raises:
            SessionLostError: another host took over, the device loop was running (its state is gone), or the chip
                boots again and again.
        """
        self._resync()
        for _ in range(RESETS_BORNE):
            try:
                return call()
            except SessionLostError:
                if not self._recover():
                    raise
        return call()

    def _recover(self) -> bool:
        """Say HELLO again; where the chip has booted, restore samples and codes. True where it has booted."""
        samples, codes, learning, boots = self._samples, self._intended, self._learning, self._info.boot_count
        self.reconnect()
        if self._info.boot_count == boots:
            return False
        if learning:
            raise SessionLostError(
                "the chip restarted while its own loop was learning",
                evidence=f"reset reason: {self._info.reset_reason}",
                next_step="start the device loop again from the last snapshot of the codes",
            )
        self._restore(samples, codes)
        self.resets_survived += 1
        return True

    def _restore(self, samples: ByteArray | None, codes: ByteArray | None) -> None:
        """After a boot: the samples that were loaded, and the codes in moves that the slew limit allows."""
        with suppress(SessionLostError):  # It may boot again; the call that follows will notice.
            if samples is not None:
                self._load(samples)
            if codes is None:
                return
            present = self.read_codes()[0].astype(np.int64)
            while (present != codes).any():
                present += np.clip(codes - present, -self._info.max_move_code, self._info.max_move_code)
                self._write(present.astype(np.uint8))
        self._intended = codes

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
        requests = self._write_requests(before, codes)
        try:
            answers = self.session.exchange(requests)
        except (StaleRevisionError, LinkError):
            self._codes = None
            raise
        self._revision = m.CodesWriteResponse.parse(answers[-1].payload).revision
        self._codes = self._intended = codes.copy()
        self.session.counter.code_bytes_written += sum(len(request.payload) for request in requests)
        return self._revision

    def _write_requests(self, before: ByteArray, after: ByteArray) -> list[Outgoing]:
        chunks = list(code_chunks(before, after, self._info.max_payload - m.CodesWriteRequest.HEAD_SIZE))
        requests = []
        for index, chunk in enumerate(chunks):
            place = (ChunkFlag.FIRST if index == 0 else 0) | (ChunkFlag.LAST if index == len(chunks) - 1 else 0)
            request = m.CodesWriteRequest(self._revision, place, chunk.form, chunk.start, chunk.data)
            requests.append(Outgoing(request.TYPE, request.pack()))
        return requests

    def load_samples(self, x: ByteArray) -> None:
        samples = checked_samples(x, self._info.layer_sizes[0])
        if len(samples) > self._info.input_slots:
            raise UsageError(
                "more samples than the chip can hold",
                evidence=f"{len(samples)} samples, {self._info.input_slots} slots",
                next_step="load fewer at a time, or use present()",
            )
        self._through_resets(lambda: self._load(samples))

    def _load(self, samples: ByteArray) -> None:
        self._loaded = 0
        self.session.exchange(list(load_requests(samples, 0, self._info.max_payload)))
        self._loaded = len(samples)
        self._samples = samples

    def _checked_slots(self, slots: Int64Array) -> Int64Array:
        if len(slots) and not 0 <= int(slots.min()) <= int(slots.max()) < self._loaded:
            raise UsageError(
                "a sample slot is not loaded",
                evidence=f"slots {int(slots.min())}..{int(slots.max())}, {self._loaded} loaded",
                next_step="call load_samples() first; present() may have taken the slots",
            )
        return slots.astype(np.int64)

    def _layout(self, readout: Readout, n_steps: int | None) -> RecordLayout:
        steps = self._info.n_steps if n_steps is None else n_steps
        if not 1 <= steps <= 255:
            raise UsageError("time steps lie outside 1..255", evidence=str(steps))
        return record_layout(self._info, readout, steps)

    def present_loaded(self, slots: Int64Array, readout: Readout, n_steps: int | None = None) -> Response:
        layout = self._layout(readout, n_steps)
        requests = list(present_requests(self._checked_slots(slots), layout, readout, self._info.max_payload))
        return layout.unpack(joined_records(self._through_resets(lambda: self.session.exchange(requests))))

    def present(self, x: ByteArray, readout: Readout, n_steps: int | None = None) -> Response:
        samples = checked_samples(x, self._info.layer_sizes[0])
        if n_steps is None and samples.shape[1] > 1:
            n_steps = samples.shape[1]
        layout = self._layout(readout, n_steps)
        first = self._loaded if self._loaded < self._info.input_slots else 0
        if first == 0:
            self._loaded, self._samples = 0, None
        held = self._info.input_slots - first
        requests: list[Outgoing] = []
        for begin in range(0, len(samples), held):
            part = samples[begin : begin + held]
            requests += load_requests(part, first, self._info.max_payload)
            slots = first + np.arange(len(part), dtype=np.int64)
            requests += present_requests(slots, layout, readout, self._info.max_payload)
        return layout.unpack(joined_records(self._through_resets(lambda: self.session.exchange(requests))))

    def learn_start(self, settings: LearnSettings) -> None:
        request = m.LearnStartRequest(
            self._learning_step,
            settings.hidden_dither_code,
            settings.output_dither_code,
            settings.rate_q8,
            settings.max_move_code,
            settings.code_min,
            settings.code_max,
        )
        payload = self._through_resets(lambda: self._ask(request.TYPE, request.pack()))
        answer = m.LearnStartResponse.parse(payload)
        self._learning_step = answer.learning_step
        self._learning = True

    def learn_loaded(self, slots: Int64Array, labels: Int64Array, rate_q8: int) -> None:
        if slots.shape != labels.shape or len(slots) == 0:
            raise UsageError(
                "a batch needs one label per sample", evidence=f"{slots.shape} slots, {labels.shape} labels"
            )
        if not 1 <= rate_q8 <= 32767:
            raise UsageError("the learning rate lies outside 1..32767 (Q8.8)", evidence=str(rate_q8))
        self._resync()
        pairs = np.column_stack((self._checked_slots(slots), labels)).reshape(-1).tolist()
        room = (self._info.max_payload - m.LearnRequest.HEAD_SIZE) // 4 * 2
        requests = []
        for begin in range(0, len(pairs), room):
            place = (ChunkFlag.FIRST if begin == 0 else 0) | (ChunkFlag.LAST if begin + room >= len(pairs) else 0)
            request = m.LearnRequest(self._learning_step, place, rate_q8, tuple(pairs[begin : begin + room]))
            requests.append(Outgoing(request.TYPE, request.pack()))
        self._codes = self._intended = None
        answer = m.LearnResponse.parse(self.session.exchange(requests)[-1].payload)
        self._learning_step = answer.learning_step

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
            self._loaded, self._samples, self._intended = 0, None, None
        self._see_where_it_stands()
        return self._info

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
