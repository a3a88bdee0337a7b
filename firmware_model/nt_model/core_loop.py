"""The frames of a learning loop, served by a simulated chip in one C call (firmware/host/nt_host_loop.h)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nt_model.core import CoreEngine
from nt_model.core_host import HostArray
from nt_model.core_library import ffi, lib
from nt_model.core_values import c_setting
from nt_model.learn import LearnState
from nt_model.loop_state import LoopState, SlotBank
from nt_model.operating import GainTables

ByteArray = NDArray[np.uint8]
_NO_ACCUMULATOR, _NO_MEAN = np.empty(0, np.int16), np.empty(0, np.uint32)


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
        self._tables: GainTables | None = None
        array.attach(self._loop)

    def serve(self, state: LoopState, tables: GainTables, data: bytes) -> tuple[int, list[bytes], bytes | None]:
        """Take frames off `data` as long as they are the loop's, and bring `state` up to date.

        Returns:
            Bytes taken, the answers in turn, and the records of the last PRESENT, None without one.
        """
        loop = self._loop
        kept = self._place(state, tables)
        with self._engine.lock:
            taken = lib.nt_host_loop_serve(loop, data, len(data), self._out, len(self._out))
            records = ffi.buffer(loop.records, loop.record_bytes)[:] if loop.record_bytes else None
        if loop.answers:
            self._take(state, kept)
        return taken, self._answers(), records

    def _place(self, state: LoopState, tables: GainTables) -> LearnState:
        """Set the loop to `state`; gives the arrays that it works on."""
        loop, learning = self._loop, state.learning
        if tables is not self._tables:
            self._tables = tables
            loop.points, loop.tables = self._array.coded(tables)
        loop.session, loop.expected, loop.room = state.session, state.expected, state.room
        loop.revision, loop.fresh, loop.first_step = state.revision, state.fresh, state.steps_done % 2**64
        codes = state.codes.copy()
        loop.state.codes = ffi.from_buffer("uint8_t[]", codes)
        loop.is_learning = learning is not None
        if learning is None:
            return LearnState(codes, _NO_ACCUMULATOR, _NO_MEAN)
        kept = LearnState(codes, learning.accumulator_q8.copy(), learning.mean_q8.copy())
        loop.state.accumulator_q8 = ffi.from_buffer("int16_t[]", kept.accumulator_q8)
        loop.state.mean_q8 = ffi.from_buffer("uint32_t[]", kept.mean_q8)
        loop.learning_step, loop.settings = state.learning_step, c_setting(state.settings)[0]
        return kept

    def _take(self, state: LoopState, kept: LearnState) -> None:
        loop = self._loop
        if state.learning is not None and loop.learning_step != state.learning_step:
            state.learning, state.learning_step = kept, loop.learning_step
        state.expected, state.codes, state.revision = loop.expected, kept.codes, loop.revision
        state.steps_done += (state.fresh - loop.fresh) * loop.steps
        state.fresh = loop.fresh

    def _answers(self) -> list[bytes]:
        loop = self._loop
        ends = [0, *loop.ends[0 : loop.answers]]
        whole = ffi.buffer(self._out, ends[-1])
        return [whole[begin:end] for begin, end in pairwise(ends)]
