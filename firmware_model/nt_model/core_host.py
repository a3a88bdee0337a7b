"""The array as hosts run it: firmware/host, weights repacked once, kernels of this machine's instruction set."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nt_model.core_board import BOARD_KERNELS, BoardArray
from nt_model.core_library import accepted, ffi, lib
from nt_model.core_values import (
    POINTS,
    BoundLayer,
    ByteArray,
    LearnBatch,
    Results,
    c_setting,
    c_settings,
    c_state,
    check_operating,
    check_tables,
)
from nt_model.errors import EnvironmentMissingError, UsageError
from nt_model.image import CODE_DEFAULT, Image
from nt_model.learn import LearnSettings, LearnState
from nt_model.operating import GainTables, Operating, ideal_operating

HOST_KERNELS = ("avx512", "avx2", "sse2", "neon")
"""One source, compiled per instruction set; which of them this machine runs says `available_kernels`."""
PATHS = ("auto", "lookup", "events")
KERNEL_VARIABLE = "NT_KERNEL"
_TOO_WIDE = 1


def _isas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    while (isa := lib.nt_host_isa_available(len(found))) != ffi.NULL:
        found[ffi.string(isa.name).decode()] = isa
    return found


_ISAS = _isas()


def available_kernels() -> tuple[str, ...]:
    """Kernels that this machine can run, the fastest first; those of boards last."""
    return (*_ISAS, *BOARD_KERNELS)


def dot_peak(kernel: str, loops: int) -> int:
    """Multiply-adds of bytes that `kernel` did out of registers in `loops` rounds, as fast as the machine can."""
    return int(_ISAS[kernel].dot_peak(loops))


def memory_read(kernel: str, data: ByteArray) -> int:
    """Read `data`, a multiple of 1024 bytes, as fast as the machine can; gives a checksum."""
    return int(_ISAS[kernel].memory_read(ffi.from_buffer("uint8_t[]", data), len(data)))


def chosen_kernel(name: str = "") -> str:
    """`name`, else what NT_KERNEL says, else the fastest.

    Raises:
        UsageError: no kernels have that name.
        EnvironmentMissingError: this machine cannot run them.
    """
    wanted = name or os.environ.get(KERNEL_VARIABLE, "") or available_kernels()[0]
    if wanted in available_kernels():
        return wanted
    known = ", ".join((*HOST_KERNELS, *BOARD_KERNELS))
    if wanted in HOST_KERNELS:
        raise EnvironmentMissingError(
            f"this machine cannot run the kernels '{wanted}'",
            evidence=f"it runs: {', '.join(available_kernels())}",
            next_step=f"unset {KERNEL_VARIABLE}, or {KERNEL_VARIABLE}={available_kernels()[0]}",
        )
    raise UsageError(
        f"the C core has no kernels called '{wanted}'",
        evidence=f"kernels: {known}",
        next_step=f"unset {KERNEL_VARIABLE}, or {KERNEL_VARIABLE}={available_kernels()[0]}",
    )


@dataclass(frozen=True)
class HostOptions:
    """`threads` at most (layers with less than `thread_us` of work for each stay on fewer); `path`: one of PATHS.
    Results hang on none of them."""

    threads: int = 1
    path: str = "auto"
    thread_us: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 64:
            raise UsageError("threads lie outside 1..64", evidence=str(self.threads))
        if not 0 <= self.thread_us < 2**32:
            raise UsageError("thread_us lies outside 0..2^32-1", evidence=str(self.thread_us))
        if self.path not in PATHS:
            raise UsageError(f"no path is called '{self.path}'", evidence=f"paths: {', '.join(PATHS)}")


class _CodedPoints:
    """Points of one die, whose gains are looked up at the codes of each run."""

    def __init__(self, tables: GainTables, points: list[Any]) -> None:
        layers = [np.ascontiguousarray(table, np.uint16) for table in tables.gain_q12]
        self._kept = [ffi.from_buffer("uint16_t[]", layer) for layer in layers]
        self.tables = ffi.new("uint16_t *[]", self._kept)
        self.kept = points
        self.points = ffi.new("struct nt_host_point *[]", points)


@dataclass(frozen=True)
class _Bound:
    """A call with all arguments in place, and what its pointers point into."""

    call: Callable[[], int]
    kept: list[object]

    def __call__(self) -> int:
        return self.call()


class HostArray:
    """See `CoreArray`. `kernel` is one of those available; sums exactly what the golden model sums."""

    def __init__(self, image: Image, kernel: str, options: HostOptions) -> None:
        self._image = image
        self._sizes = tuple(layer.n_neurons for layer in image.layers)
        self._options = ffi.new(
            "struct nt_host_options *",
            {"threads": options.threads, "path": PATHS.index(options.path), "thread_us": options.thread_us},
        )
        self._weights = [ffi.from_buffer("uint8_t[]", layer.packed.columns) for layer in image.layers]
        self._host = self._packed(image, kernel)
        self.gates_bytes = int(lib.nt_host_gates_bytes(self._host))
        self._points: WeakKeyDictionary[Operating, Any] = WeakKeyDictionary()
        self._coded: WeakKeyDictionary[GainTables, _CodedPoints] = WeakKeyDictionary()
        self._board: BoardArray | None = None
        self._gain = ffi.from_buffer("uint16_t[]", np.ascontiguousarray(image.gain))
        self._step_points: list[Any] = []

    def _packed(self, image: Image, kernel: str) -> Any:
        sources = ffi.new("struct nt_host_source[]", len(image.layers))
        kept = []
        for source, layer, weight in zip(sources, image.layers, self._weights, strict=True):
            source.n_inputs, source.n_neurons = layer.n_inputs, layer.n_neurons
            source.weight, source.refractory = weight, layer.refractory
            for name, ctype in (("bias", "int16_t[]"), ("domain", "uint16_t[]")):
                kept.append(ffi.from_buffer(ctype, np.ascontiguousarray(getattr(layer, name))))
                setattr(source, name, kept[-1])
        readout = ffi.from_buffer("uint16_t[]", np.ascontiguousarray(image.readout_class))
        host = lib.nt_host_new(_ISAS[kernel], sources, len(image.layers), readout, image.n_codes)
        return ffi.gc(_there(host), lib.nt_host_free)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the repacked weights, and of the transposed copy for errors after the first learning step."""
        return int(lib.nt_host_weight_bytes(self._host))

    @property
    def total_bytes(self) -> int:
        """Bytes of the repacked weights and of all buffers that were needed so far."""
        return int(lib.nt_host_bytes(self._host))

    def run(self, operating: list[Operating], events: ByteArray, first_step: int, results: Results) -> None:
        """See `CoreArray.run`."""
        samples, steps, _ = events.shape
        accepted(
            "nt_host_run",
            lib.nt_host_run(
                self._host,
                self._options,
                [self.point(one) for one in operating],
                len(operating),
                ffi.from_buffer("uint8_t[]", events),
                samples,
                steps,
                first_step % 2**64,
                results.as_response(),
            ),
        )

    def run_coded(
        self, tables: GainTables, codes: ByteArray, events: ByteArray, first_step: int, results: Results
    ) -> None:
        """As `run`, at the operating points that `tables` have at each of `codes` (POINTS, n_codes) uint8."""
        points = self._points_at(tables, codes)
        samples, steps, _ = events.shape
        bound = (ffi.from_buffer("uint8_t[]", events), samples, steps, first_step % 2**64, results.as_response())
        accepted("nt_host_run", lib.nt_host_run(self._host, self._options, points, POINTS, *bound))

    def coded(self, tables: GainTables) -> tuple[Any, Any]:
        """Points of a die and its gain tables, as C takes them; they live as long as `tables`."""
        coded = self._coded_points(tables)
        return coded.points, coded.tables

    def attach(self, loop: Any) -> None:
        """Let a struct nt_host_loop work on this array."""
        loop.host, loop.options = self._host, self._options

    def _points_at(self, tables: GainTables, codes: ByteArray) -> Any:
        coded = self._coded_points(tables)
        given = ffi.from_buffer("uint8_t[]", codes)
        lib.nt_host_points_table_set(self._host, coded.points, POINTS, coded.tables, given)
        return coded.points

    def _coded_points(self, tables: GainTables) -> _CodedPoints:
        coded = self._coded.get(tables)
        if coded is None:
            check_tables(tables, self._sizes)
            coded = self._coded[tables] = _CodedPoints(tables, [self._new_point(tables.base) for _ in range(POINTS)])
        return coded

    def gates(
        self, tables: GainTables, codes: ByteArray, settings: LearnSettings, events: ByteArray, first_step: int
    ) -> ByteArray:
        """See `Engine.gates`."""
        coded = self._coded_points(tables)
        samples, steps, _ = events.shape
        gates = np.empty((samples, self.gates_bytes), np.uint8)
        result = lib.nt_host_gates(
            self._host,
            self._options,
            c_setting(settings),
            coded.points,
            coded.tables,
            ffi.from_buffer("uint8_t[]", codes),
            ffi.from_buffer("uint8_t[]", events),
            samples,
            steps,
            first_step % 2**64,
            ffi.from_buffer("uint8_t[]", gates),
        )
        accepted("nt_host_gates", result)
        return gates

    def learn_steps(
        self,
        state: LearnState,
        tables: GainTables,
        events: ByteArray,
        first_step: int,
        labels: NDArray[np.int64],
        settings: Sequence[LearnSettings],
    ) -> int:
        """Read-out of a die at its codes, above and below them, and learning step, once for each of `settings`, in
        place on `state`; events (n, B, T, M), labels (n, B).

        Returns:
            Steps done: fewer than asked for where an error would leave 32 bits.
        """
        coded = self._coded_points(tables)
        result = lib.nt_host_steps(
            self._host,
            self._options,
            c_settings(*settings),
            len(settings),
            coded.points,
            coded.tables,
            c_state(state),
            ffi.from_buffer("uint8_t[]", events),
            ffi.from_buffer("int64_t[]", labels),
            events.shape[1],
            events.shape[2],
            first_step % 2**64,
        )
        return accepted("nt_host_steps", result)

    def prepared(
        self, operating: list[Operating], x: ByteArray, first_step: int, results: Results
    ) -> Callable[[], int]:
        """The same run as a call without arguments, pointers and all bound once: what changes in `x` between calls is
        seen, and `results` is written anew. One thread at a time."""
        samples, steps, _ = x.shape
        kept = [self.point(one) for one in operating]
        points = ffi.new("struct nt_host_point *[]", kept)
        bound = (ffi.from_buffer("uint8_t[]", x), samples, steps, first_step % 2**64, results.as_response())
        return _Bound(
            partial(lib.nt_host_run, self._host, self._options, points, len(operating), *bound), [kept, x, results]
        )

    def run_nominal(self, codes: ByteArray, events: ByteArray, results: Results) -> None:
        """The ideal chip at `codes`."""
        self.run([ideal_operating(self._image, codes)], events, 0, results)

    def learn(self, state: LearnState, batch: LearnBatch, settings: LearnSettings) -> None:
        """See `CoreArray.learn`; errors beyond 32 bits are left to the core's own learning step."""
        result = lib.nt_host_learn(
            self._host,
            self._options,
            c_settings(settings),
            c_state(state),
            ffi.from_buffer("uint8_t[]", batch.plus),
            ffi.from_buffer("uint8_t[]", batch.minus),
            ffi.from_buffer("int64_t[]", batch.labels),
            len(batch.labels),
        )
        if accepted("nt_host_learn", result) == _TOO_WIDE:
            if self._board is None:
                self._board = BoardArray(self._image, 0, "wide")
            self._board.learn(state, batch, settings)

    def gates_learning(self, state: Any, settings: Any) -> Callable[[bytes, Any, int], int]:
        """`learn` from gates, labels and their number as C takes them, bound to `state` and `settings`; it gives 0, and
        anything else, with nothing changed, where an error would leave 32 bits or memory is short."""
        return partial(lib.nt_host_gates_learn, self._host, self._options, settings, state)

    def learn_nominal(
        self, state: LearnState, events: ByteArray, labels: NDArray[np.int64], settings: LearnSettings
    ) -> bool:
        """Dithered read-out and learning step of the ideal chip in one call, in place on `state`.

        Returns:
            False, and nothing is changed, where an error would leave 32 bits.
        """
        if not self._step_points:
            nominal = ideal_operating(self._image, np.full(self._image.n_codes, CODE_DEFAULT, np.uint8))
            self._step_points = [self._new_point(nominal) for _ in range(POINTS)]
        result = lib.nt_host_step_nominal(
            self._host,
            self._options,
            c_settings(settings),
            self._gain,
            self._step_points,
            c_state(state),
            ffi.from_buffer("uint8_t[]", events),
            ffi.from_buffer("int64_t[]", labels),
            events.shape[0],
            events.shape[1],
        )
        return accepted("nt_host_step_nominal", result) != _TOO_WIDE

    def point(self, operating: Operating) -> Any:
        """`operating` laid out for the kernels; kept as long as it lives."""
        point = self._points.get(operating)
        if point is None:
            point = self._points[operating] = self._new_point(operating)
        return point

    def _new_point(self, operating: Operating) -> Any:
        check_operating(operating, self._sizes)
        point = ffi.gc(_there(lib.nt_host_point_new(self._host)), lib.nt_host_point_free)
        for index, (layer, size) in enumerate(zip(operating.layers, self._sizes, strict=True)):
            bound = BoundLayer(layer, size)
            lib.nt_host_point_set(point, index, ffi.new("struct nt_layer_operating *", bound.fields), size)
        return point


def _there(pointer: Any) -> Any:
    if pointer == ffi.NULL:
        raise EnvironmentMissingError("the memory is too small for the image", next_step="close other programs")
    return pointer
