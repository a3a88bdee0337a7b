"""The frames of a learning loop, served by a simulated chip in one C call (firmware/host/nt_host_loop.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_model.core import CoreEngine
from nt_model.core_host import HostArray
from nt_model.core_library import ffi, lib
from nt_model.core_values import c_setting, c_state
from nt_model.learn import LearnSettings, LearnState
from nt_model.loop_state import LoopState, SlotBank
from nt_model.operating import GainTables, Operating

ByteArray = NDArray[np.uint8]


class CoreLoop:
    """Serves a chip with `engine`, whose slots are `bank`.

    Args:
        max_payload: longest payload that the chip takes.
        window: frames that a host may send before it reads.
    """

    def __init__(self, engine: CoreEngine, array: HostArray, bank: SlotBank, max_payload: int, window: int) -> None:
        self._engine = engine
        self._array = array
        self._loop = ffi.new("struct nt_host_loop *")
        self._kept = (ffi.from_buffer("uint8_t[]", bank.events), ffi.from_buffer("uint8_t[]", bank.ready))
        self._loop.events, self._loop.ready = self._kept
        self._loop.n_slots, self._loop.held = len(bank.ready), bank.held
        self._loop.steps, self._loop.n_classes = engine.image.n_steps, engine.image.n_classes
        self._loop.max_payload = max_payload
        self._out = ffi.new("uint8_t[]", window * (max_payload + max_payload // 254 + 16))
        self._whole = ffi.buffer(self._out)
        self._ends = ffi.addressof(self._loop[0], "ends")
        self._gains: GainTables | Operating | None = None
        self._codes: ByteArray | None = None
        self._learning: LearnState | None = None
        self._settings: LearnSettings | None = None
        array.attach(self._loop)

    def serve(
        self, state: LoopState, gains: GainTables | Operating, data: bytes
    ) -> tuple[int, list[bytes], bytes | None]:
        """Take frames off `data` as long as they are the loop's, and bring `state` up to date.

        Args:
            gains: of the die at all codes; or at those of `state`, and then nothing but plain read-outs is served.

        Returns:
            Bytes taken, the answers in turn, and the records of the last PRESENT, None without one.
        """
        loop = self._loop
        self._bind(state, gains)
        lib.nt_host_loop_place(
            loop,
            state.session,
            state.expected,
            state.room,
            state.revision,
            state.learning_step,
            state.fresh,
            state.steps_done % 2**64,
        )
        with self._engine.lock:
            taken = lib.nt_host_loop_serve(loop, data, len(data), self._out, len(self._out))
            records = ffi.buffer(loop.records, loop.record_bytes)[:] if loop.record_bytes else None
        count = loop.answers
        if count == 0:
            return taken, [], None
        state.expected, state.revision, state.learning_step = loop.expected, loop.revision, loop.learning_step
        fresh = loop.fresh
        state.steps_done += (state.fresh - fresh) * loop.steps
        state.fresh = fresh
        begin, answers = 0, []
        for end in ffi.unpack(self._ends[0], count):
            answers.append(self._whole[begin:end])
            begin = end
        return taken, answers, records

    def _bind(self, state: LoopState, gains: GainTables | Operating) -> None:
        """Let the loop work on the arrays of `state`; they are mostly those of the last call."""
        loop, learning = self._loop, state.learning
        if gains is not self._gains:
            self._gains = gains
            if isinstance(gains, Operating):
                loop.plain, loop.tables = self._array.point(gains), ffi.NULL
            else:
                loop.points, loop.tables = self._array.coded(gains)
        if state.codes is not self._codes:
            self._codes = state.codes
            loop.state.codes = ffi.from_buffer("uint8_t[]", state.codes, require_writable=True)
        if learning is not self._learning:
            self._learning = learning
            loop.is_learning = learning is not None
            if learning is not None:
                bound = c_state(learning)
                loop.state.accumulator_q8, loop.state.mean_q8 = bound.accumulator_q8, bound.mean_q8
        if state.settings is not self._settings:
            self._settings = state.settings
            loop.settings = c_setting(state.settings)[0]
