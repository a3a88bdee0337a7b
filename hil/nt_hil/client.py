"""The host's one code path to a chip: the Chip interface over a session, whatever the link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nt_hil import messages as m
from nt_hil.chip import ByteArray, ChipInfo, LearnBatch, Readout, Response, Shot
from nt_hil.codec import Frame
from nt_hil.exchange import Outgoing, RequestBlock
from nt_hil.learn_state_frames import joined_state, state_requests
from nt_hil.linked_chip import LinkedChip
from nt_hil.messages import ChunkFlag
from nt_hil.sample_frames import Presentation, checked_samples, checked_slots, load_requests, record_layout
from nt_hil.session import Session
from nt_hil.stimulus_frames import joined_counts, stimulus_requests
from nt_model.errors import EnvironmentMissingError, UsageError
from nt_model.learn import LearnSettings

try:
    from nt_model.core_requests import learn_payload

    IN_C = True
except EnvironmentMissingError:
    IN_C = False

Int64Array = NDArray[np.int64]
_FIRST, _LAST = int(ChunkFlag.FIRST), int(ChunkFlag.LAST)


class ChipClient(LinkedChip):
    """A chip behind `session`; says HELLO when made. See `chip.Chip` for the calls.

    `present` uses slots that `load_samples` left free; where there are none it takes them all, and the loaded samples
    must be loaded again before `present_loaded`.
    """

    def __init__(self, session: Session) -> None:
        self._loaded = 0
        self._samples: ByteArray | None = None
        self._asked_for: tuple[Readout, int | None, ChipInfo, Presentation] | None = None
        super().__init__(session)

    def _forget_volatile(self) -> None:
        super()._forget_volatile()
        self._loaded, self._samples = 0, None

    def _restorers(self) -> Sequence[Callable[[], None]]:
        reload = [] if self._samples is None else [partial(self._load, self._samples)]
        return [*reload, *super()._restorers()]

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
        self._loaded, self._samples = 0, samples
        self.session.exchange(list(load_requests(samples, 0, self._info.max_payload)))
        self._loaded = len(samples)

    def _presentation(self, readout: Readout, n_steps: int | None) -> Presentation:
        """How `readout` is asked for; a loop asks for the same one, which is made once."""
        if self._asked_for is not None and self._asked_for[:3] == (readout, n_steps, self._info):
            return self._asked_for[3]
        steps = self._info.n_steps if n_steps is None else n_steps
        if not 1 <= steps <= 255:
            raise UsageError("time steps lie outside 1..255", evidence=str(steps))
        made = Presentation(record_layout(self._info, readout, steps), readout, self._info.max_payload)
        self._asked_for = readout, n_steps, self._info, made
        return made

    def present_loaded(self, slots: Int64Array, readout: Readout, n_steps: int | None = None) -> Response:
        asked = self._presentation(readout, n_steps)
        requests = asked.requests(slots, self._loaded)
        return asked.response(self._through_resets(lambda: self.session.exchange(requests)))

    def present(self, x: ByteArray, readout: Readout, n_steps: int | None = None) -> Response:
        samples = checked_samples(x, self._info.layer_sizes[0])
        if n_steps is None and samples.shape[1] > 1:
            n_steps = samples.shape[1]
        asked = self._presentation(readout, n_steps)
        first = self._loaded if self._loaded < self._info.input_slots else 0
        if first == 0:
            self._loaded, self._samples = 0, None
        held = self._info.input_slots - first
        requests: list[Outgoing] = []
        for begin in range(0, len(samples), held):
            part = samples[begin : begin + held]
            requests += load_requests(part, first, self._info.max_payload)
            requests += asked.requests(first + np.arange(len(part), dtype=np.int64), first + len(part))
        return asked.response(self._through_resets(lambda: self.session.exchange(requests)))

    def write_and_present(self, codes: ByteArray, slots: Int64Array, readout: Readout) -> Response:
        asked = self._presentation(readout, None)
        return asked.response(self._through_resets(self._written_first, codes, slots, asked))

    def _written_first(self, codes: ByteArray, slots: Int64Array, asked: Presentation) -> list[Frame]:
        """Answers to what is asked of `slots`, sent in one exchange with the writes that bring the chip to `codes`."""
        before = self._read_all()[0] if self._codes is None else self._codes
        if self._info.max_move_code == 255:
            goal = codes.astype(np.uint8)
            block = asked.after_write(before, goal, self._revision, slots, self._loaded)
            if block is not None:
                return self._answers_after(before, goal, block)
        requests = asked.requests(slots, self._loaded)
        writes, after, revision = self._writes(before, codes, self._revision)
        answers = self._settled(writes + requests, writes, after, revision)
        self._intended = after
        return answers[len(writes) :]

    def _answers_after(self, before: ByteArray, goal: ByteArray, block: RequestBlock) -> list[Frame]:
        """Answers to the requests of a block but for its write, if any."""
        self._codes = None
        answers = self.session.exchange(block)
        if len(block.types) == 1:
            self._codes = self._intended = before
            return answers
        self._codes = self._intended = goal
        self._revision = (self._revision + 1) & 0xFFFFFFFF
        self.session.counter.code_bytes_written += block.first_size
        return answers[1:]

    def _writes(self, before: ByteArray, goal: ByteArray, revision: int) -> tuple[list[Outgoing], ByteArray, int]:
        """Writes that lead from `before`, at `revision`, to `goal`; codes and revision after them."""
        writes: list[Outgoing] = []
        for move in self._moves(before, goal):
            writes += self._write_requests(before, move, revision)
            before, revision = move, (revision + 1) & 0xFFFFFFFF
        return writes, before, revision

    def _settled(
        self, requests: list[Outgoing], writes: list[Outgoing], codes: ByteArray, revision: int
    ) -> list[Frame]:
        """Answers to `requests`, some of which are `writes`; they lead to `codes` at `revision`."""
        self._codes = None
        answers = self.session.exchange(requests)
        self._codes, self._revision = codes, revision
        self.session.counter.code_bytes_written += sum([len(payload) for _, payload in writes])
        return answers

    def measure(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        requests = [stimulus_requests(shot.stimulus, self._info) for shot in shots]
        answers = self._through_resets(lambda: self._measured([shot.codes for shot in shots], requests))
        return tuple(joined_counts(part) for part in answers)

    def _measured(self, codes: Sequence[ByteArray | None], requests: Sequence[list[Outgoing]]) -> list[list[Frame]]:
        """Answers to each list of requests, which go out after the writes that bring the chip to its codes."""
        before = self._read_all()[0] if self._codes is None else self._codes
        revision, intended = self._revision, self._intended
        outgoing: list[Outgoing] = []
        written: list[Outgoing] = []
        spans = []
        for goal, asked in zip(codes, requests, strict=True):
            if goal is not None:
                writes, before, revision = self._writes(before, goal, revision)
                outgoing += writes
                written += writes
                intended = before
            spans.append(slice(len(outgoing), len(outgoing) + len(asked)))
            outgoing += asked
        answers = self._settled(outgoing, written, before, revision)
        self._intended = intended
        return [answers[span] for span in spans]

    def learn_state(self) -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
        self._resync()
        requests = state_requests(self._info)
        return joined_state(self.session.exchange(requests))

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
        self.learn_many([LearnBatch(slots, labels, rate_q8)])

    def learn_many(self, steps: Sequence[LearnBatch]) -> None:
        self._resync()
        requests = [
            request
            for number, batch in enumerate(steps)
            for request in self._learn_requests(batch, (self._learning_step + number) & 0xFFFFFFFF)
        ]
        if not requests:
            return
        self._codes = self._intended = None
        answer = m.LearnResponse.parse(self.session.exchange(requests)[-1].payload)
        self._learning_step = answer.learning_step

    def _learn_requests(self, batch: LearnBatch, expected_step: int) -> list[Outgoing]:
        slots, labels = batch.slots, batch.labels
        if slots.shape != labels.shape or len(slots) == 0:
            raise UsageError(
                "a batch needs one label per sample", evidence=f"{slots.shape} slots, {labels.shape} labels"
            )
        if not 1 <= batch.rate_q8 <= 32767:
            raise UsageError("the learning rate lies outside 1..32767 (Q8.8)", evidence=str(batch.rate_q8))
        if IN_C and m.LearnRequest.HEAD_SIZE + 4 * len(slots) <= self._info.max_payload:
            whole = learn_payload(expected_step, batch.rate_q8, slots, labels, self._loaded)
            if whole is not None:
                return [Outgoing(m.LearnRequest.TYPE, whole)]
        pairs = [0] * (2 * len(slots))
        pairs[::2], pairs[1::2] = checked_slots(slots, self._loaded).tolist(), labels.tolist()
        room = (self._info.max_payload - m.LearnRequest.HEAD_SIZE) // 4 * 2
        requests = []
        for begin in range(0, len(pairs), room):
            place = (_FIRST if begin == 0 else 0) | (_LAST if begin + room >= len(pairs) else 0)
            request = m.LearnRequest(expected_step, place, batch.rate_q8, tuple(pairs[begin : begin + room]))
            requests.append(Outgoing(request.TYPE, request.pack()))
        return requests
