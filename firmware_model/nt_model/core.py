"""Engine "c": the C core behind the `Engine` protocol, and its frame codec and CRC.

The extension is built when the package is installed; without it this module cannot be imported, and says what to do.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nt_model import learn
from nt_model.core_board import BOARD_KERNELS, BoardArray
from nt_model.core_frame import Frame, FrameDecoder, encode_frame
from nt_model.core_gate_learner import CoreGateLearner
from nt_model.core_host import HostArray, HostOptions, available_kernels, chosen_kernel
from nt_model.core_library import CoreResultError, ffi, lib
from nt_model.core_values import (
    POINTS,
    ByteArray,
    CoreArray,
    LearnBatch,
    Results,
    by_layer,
    check_codes,
    check_state,
    checked_events,
    joined_layers,
)
from nt_model.engine import Forward, gates_of_counts, learn_one_by_one
from nt_model.errors import UsageError
from nt_model.gate_learner import GateLearner, PlainGateLearner
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes
from nt_model.operating import GainTables, Operating, ideal_operating

__all__ = [
    "KERNELS",
    "CoreEngine",
    "CoreResultError",
    "Frame",
    "FrameDecoder",
    "HostOptions",
    "check_image",
    "crc32c",
    "encode_frame",
]

KERNELS = available_kernels()
"""Kernels that this machine can run, the fastest first."""


def check_image(data: bytes) -> int:
    """Parse image bytes in C, digest included: 0, or the negative error of nt_error.h."""
    image = ffi.new("struct nt_image *")
    result = int(lib.nt_image_parse(image, ffi.from_buffer(data), len(data)))
    return result if result < 0 else int(lib.nt_image_digest_check(image))


def crc32c(data: bytes) -> int:
    """CRC-32C of `data` as the C core computes it."""
    return int(lib.nt_crc32c_end(lib.nt_crc32c_extend(0xFFFFFFFF, ffi.from_buffer(data), len(data))))


class CoreEngine:
    """Forward pass and learning step in C, bit-exact with the golden model; calls release the GIL, and `lock` lets one
    at a time work on the array's memory.

    Args:
        image: what to run.
        block_neurons: neurons that a board works on at a time, a multiple of 8; 0 takes the widest layer. Kernels of
            hosts have blocks of their own.
        kernel: inner loops, one of KERNELS; empty takes what NT_KERNEL says, else the fastest.
        options: threads of the kernels of hosts, and how they sum.

    Raises:
        UsageError: no such kernel.
        EnvironmentMissingError: this machine cannot run it.
    """

    name = "c"

    def __init__(
        self, image: Image, block_neurons: int = 0, kernel: str = "", options: HostOptions = HostOptions()
    ) -> None:
        self.image = image
        self.kernel = chosen_kernel(kernel)
        self._sizes = tuple(layer.n_neurons for layer in image.layers)
        self._neurons = sum(self._sizes)
        self.array: CoreArray = (
            BoardArray(image, block_neurons, self.kernel)
            if self.kernel in BOARD_KERNELS
            else HostArray(image, self.kernel, options)
        )
        self.lock = threading.Lock()

    def forward(self, operating: Operating, x: ByteArray, first_step: int) -> Forward:
        """See `Engine.forward`."""
        return self._forward(self._run(operating, x, first_step))

    def read_out(self, operating: Operating, x: ByteArray, first_step: int) -> tuple[ByteArray, NDArray[np.int32]]:
        """See `Engine.read_out`."""
        results = self._run(operating, x, first_step)
        assert results.membranes is not None
        return results.counts[0], results.membranes[0, :, self._neurons - self._sizes[-1] :]

    def _run(self, operating: Operating, x: ByteArray, first_step: int) -> Results:
        results = self._room(len(x))
        events = checked_events(self.image, x)
        with self.lock:
            self.array.run([operating], events, first_step, results)
        return results

    def forward_nominal(self, codes: ByteArray, x: ByteArray) -> Forward:
        """The ideal chip at `codes`; kernels of boards run it without a silicon model, from the image alone."""
        check_codes(self.image, codes)
        results = self._room(len(x))
        events = checked_events(self.image, x)
        with self.lock:
            self.array.run_nominal(codes, events, results)
        return self._forward(results)

    def forward_dithered(
        self, operating: Operating, plus: Operating, minus: Operating, x: ByteArray, first_step: int
    ) -> Spikes:
        """See `Engine.forward_dithered`."""
        results = Results(np.empty((POINTS, len(x), self._neurons), np.uint8), None)
        events = checked_events(self.image, x)
        with self.lock:
            self.array.run([operating, plus, minus], events, first_step, results)
        return Spikes(*(tuple(by_layer(rows, self._sizes)) for rows in results.counts))

    def dithered_counts(self, tables: GainTables, codes: ByteArray, x: ByteArray, first_step: int) -> ByteArray:
        """See `Engine.dithered_counts`; on kernels of hosts the gains are looked up in C."""
        results = Results(np.empty((POINTS, len(x), self._neurons), np.uint8), None)
        events = checked_events(self.image, x)
        check_codes(self.image, codes, POINTS)
        with self.lock:
            if isinstance(self.array, HostArray):
                self.array.run_coded(tables, codes, events, first_step, results)
            else:
                self.array.run([tables.at(one) for one in codes], events, first_step, results)
        return results.counts

    def gates(
        self, tables: GainTables, codes: ByteArray, settings: LearnSettings, x: ByteArray, first_step: int
    ) -> ByteArray:
        """See `Engine.gates`; on kernels of hosts in one call."""
        if not isinstance(self.array, HostArray):
            return gates_of_counts(self, tables, codes, settings, x, first_step)
        events = checked_events(self.image, x)
        check_codes(self.image, codes)
        with self.lock:
            return self.array.gates(tables, codes, settings, events, first_step)

    def learn(
        self, state: LearnState, spikes: Spikes, labels: NDArray[np.int64], settings: LearnSettings
    ) -> LearnState:
        """See `Engine.learn`."""
        after = LearnState(state.codes.copy(), state.accumulator_q8.copy(), state.mean_q8.copy())
        plus, minus = joined_layers(spikes.plus, self._neurons), joined_layers(spikes.minus, self._neurons)
        if len(plus) != len(labels) or len(minus) != len(labels):
            raise UsageError("spikes and labels differ in length", evidence=f"{len(plus)} and {len(labels)} samples")
        check_state(self.image, after)
        with self.lock:
            self.array.learn(after, LearnBatch(plus, minus, np.ascontiguousarray(labels, np.int64)), settings)
        return after

    def gate_learner(self, state: LearnState, settings: LearnSettings) -> GateLearner:
        """See `Engine.gate_learner`; on kernels of hosts it learns in place."""
        if isinstance(self.array, HostArray):
            return CoreGateLearner(self.image, self.array, self.lock, state, settings)
        return PlainGateLearner(self.image, self.learn, state, settings)

    def learn_steps(
        self,
        state: LearnState,
        tables: GainTables,
        x: ByteArray,
        first_step: int,
        labels: NDArray[np.int64],
        settings: Sequence[LearnSettings],
    ) -> LearnState:
        """See `Engine.learn_steps`; on kernels of hosts in one call."""
        if x.ndim != 4 or x.shape[:2] != labels.shape or len(x) != len(settings):
            raise UsageError(
                "samples, labels and settings of learning steps do not fit",
                evidence=f"{x.shape}, {labels.shape}, {len(settings)} settings",
            )
        events = checked_events(self.image, x.reshape(-1, *x.shape[2:])).reshape(x.shape)
        after, done = LearnState(state.codes.copy(), state.accumulator_q8.copy(), state.mean_q8.copy()), 0
        check_state(self.image, after)
        if isinstance(self.array, HostArray):
            with self.lock:
                given = np.ascontiguousarray(labels, np.int64)
                done = self.array.learn_steps(after, tables, events, first_step, given, settings)
        if done == len(x):
            return after
        first_step += done * x.shape[1] * x.shape[2]
        return learn_one_by_one(self, after, tables, first_step, x[done:], labels[done:], settings[done:])

    def learn_nominal(
        self, state: LearnState, x: ByteArray, labels: NDArray[np.int64], settings: LearnSettings
    ) -> LearnState:
        """A whole step of rule `dmn` on the ideal chip: x (B, T, M) read out at the codes of `state`, dithered up and
        down, then `learn`. Labels are (B,) int64."""
        events = checked_events(self.image, x)
        if len(events) != len(labels):
            raise UsageError("samples and labels differ in length", evidence=f"{len(x)} and {len(labels)}")
        check_state(self.image, state)
        if isinstance(self.array, HostArray):
            after = LearnState(state.codes.copy(), state.accumulator_q8.copy(), state.mean_q8.copy())
            with self.lock:
                if self.array.learn_nominal(after, events, np.ascontiguousarray(labels, np.int64), settings):
                    return after
        points = [state.codes, *(learn.dithered_codes(self.image, state.codes, settings, sign) for sign in (1, -1))]
        operating = [ideal_operating(self.image, codes) for codes in points]
        spikes = self.forward_dithered(operating[0], operating[1], operating[2], events, 0)
        return self.learn(state, spikes, labels, settings)

    def dithered_codes(self, codes: ByteArray, settings: LearnSettings, sign: int) -> ByteArray:
        """Codes of the dithered read-out, as `learn.dithered_codes`; `sign` is +1 or -1."""
        if isinstance(self.array, BoardArray):
            return self.array.dithered_codes(np.ascontiguousarray(codes, np.uint8), settings, sign)
        return learn.dithered_codes(self.image, codes, settings, sign)

    def _room(self, batch: int) -> Results:
        counts = np.empty((1, batch, self._neurons), np.uint8)
        return Results(counts, np.empty((2, batch, self._neurons), np.int32))

    def _forward(self, results: Results) -> Forward:
        assert results.membranes is not None
        return Forward(*(tuple(by_layer(rows, self._sizes)) for rows in (results.counts[0], *results.membranes)))
