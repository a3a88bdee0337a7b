"""What both arrays of the C core share: results of a batch, C views of values, checks of what comes in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nt_model.core_library import ffi
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.learn import Layers, LearnSettings, LearnState
from nt_model.operating import GainTables, LayerOperating, Operating

ByteArray = NDArray[np.uint8]
Int32Array = NDArray[np.int32]
POINTS = 3
STEPS_MAX = 255
LEAK_MAX_Q16 = 65536


@dataclass(frozen=True)
class Results:
    """Room for a batch: `counts` (points, B, N) uint8, and both membranes (2, B, N) int32 or nothing."""

    counts: ByteArray
    membranes: Int32Array | None

    def as_response(self) -> Any:
        response = ffi.new("struct nt_response *")
        for point, rows in enumerate(self.counts):
            response.counts[point] = ffi.from_buffer("uint8_t[]", rows)
        if self.membranes is not None:
            response.compared_q8 = ffi.from_buffer("int32_t[]", self.membranes[0])
            response.membrane_q8 = ffi.from_buffer("int32_t[]", self.membranes[1])
        return response


@dataclass(frozen=True)
class LearnBatch:
    """Dithered spike counts (B, N) uint8 of all layers side by side, and labels (B,) int64."""

    plus: ByteArray
    minus: ByteArray
    labels: NDArray[np.int64]


class CoreArray(Protocol):
    """An image bound to C code: forward pass and learning step. One call at a time."""

    def run(self, operating: list[Operating], events: ByteArray, first_step: int, results: Results) -> None: ...

    def run_nominal(self, codes: ByteArray, events: ByteArray, results: Results) -> None: ...

    def learn(self, state: LearnState, batch: LearnBatch, settings: LearnSettings) -> None:
        """Changes `state` in place."""
        ...


def check_operating(operating: Operating, sizes: tuple[int, ...]) -> None:
    """Raise UsageError unless there is one layer per size."""
    if len(operating.layers) != len(sizes):
        raise UsageError(
            "the operating point does not fit the image",
            evidence=f"{len(operating.layers)} against {len(sizes)} layers",
        )


def check_tables(tables: GainTables, sizes: tuple[int, ...]) -> None:
    """Raise UsageError unless there is a table of 256 codes for every layer."""
    shapes = tuple(table.shape for table in tables.gain_q12)
    if shapes != tuple((256, size, 2) for size in sizes):
        raise UsageError("the gain tables do not fit the image", evidence=f"{shapes} against {sizes} neurons")


def checked_events(image: Image, x: ByteArray) -> ByteArray:
    """`x` (B, T, M) uint8 in one piece, or UsageError."""
    if x.ndim != 3 or x.shape[2] != image.n_inputs or x.dtype != np.uint8:
        raise UsageError(
            "events are not (samples, steps, inputs) uint8",
            evidence=f"{x.dtype} {x.shape}, {image.n_inputs} inputs",
        )
    if not 1 <= x.shape[1] <= STEPS_MAX:
        raise UsageError("time steps lie outside 1..255", evidence=str(x.shape[1]))
    return np.ascontiguousarray(x)


def check_codes(image: Image, codes: ByteArray, *points: int) -> None:
    """Raise UsageError unless `codes` is (*points, n_codes) uint8 in one piece."""
    if codes.shape != (*points, image.n_codes) or codes.dtype != np.uint8 or not codes.flags.c_contiguous:
        raise UsageError("the codes do not fit the image", evidence=f"{codes.dtype} {codes.shape}")


def check_state(image: Image, state: LearnState) -> None:
    """Raise UsageError unless every array has one entry of its type per code."""
    for array, dtype in ((state.codes, np.uint8), (state.accumulator_q8, np.int16), (state.mean_q8, np.uint32)):
        if array.shape != (image.n_codes,) or array.dtype != dtype:
            raise UsageError(
                "the learning state does not fit the image",
                evidence=f"{array.dtype} {array.shape}, {image.n_codes} codes",
            )


def joined_layers(counts: tuple[ByteArray, ...], neurons: int) -> ByteArray:
    """Spike counts of all layers side by side, (B, N) uint8, or UsageError."""
    rows = np.ascontiguousarray(counts.joined) if isinstance(counts, Layers) else np.concatenate(counts, axis=1)
    if rows.dtype != np.uint8 or rows.shape[1] != neurons:
        raise UsageError("spike counts do not fit the image", evidence=f"{rows.dtype} {rows.shape}")
    return rows


def by_layer(rows: NDArray[Any], sizes: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Views of (B, N) `rows`, one per layer."""
    start = 0
    for size in sizes:
        yield rows[:, start : start + size]
        start += size


def c_settings(*settings: LearnSettings) -> Any:
    """`settings` as an array of struct nt_learn_settings."""
    rows = [
        (one.hidden_dither_code, one.output_dither_code, one.rate_q8, one.max_move_code, one.code_min, one.code_max)
        for one in settings
    ]
    try:
        return ffi.new("struct nt_learn_settings[]", rows)
    except OverflowError as error:
        raise UsageError("a learning setting is out of range", evidence=str(error)) from error


@lru_cache(maxsize=64)
def c_setting(settings: LearnSettings) -> Any:
    """`settings` as an array of one struct nt_learn_settings, which nobody changes: a loop asks with the same ones."""
    return c_settings(settings)


def c_state(state: LearnState) -> Any:
    """`state` as a struct nt_learn_state that writes into its arrays."""
    return ffi.new(
        "struct nt_learn_state *",
        (
            ffi.from_buffer("uint8_t[]", state.codes),
            ffi.from_buffer("int16_t[]", state.accumulator_q8),
            ffi.from_buffer("uint32_t[]", state.mean_q8),
        ),
    )


class BoundLayer:
    """C view of a LayerOperating; keeps copies of its arrays, so that later changes of half of them are not seen."""

    def __init__(self, layer: LayerOperating, neurons: int) -> None:
        self.kept: list[object] = []
        self.fields: dict[str, object] = {"noise_seed": layer.noise_seed % 2**64}
        self._bind("gain_q12", "uint16_t[]", layer.gain_q12, np.uint16, (neurons, 2))
        self._bind("threshold_q8", "int32_t[]", layer.threshold_q8, np.int32, (neurons,))
        self._bind("leak_q16", "uint32_t[]", layer.leak_q16, np.uint32, (neurons,))
        if layer.leak_q16.max() > LEAK_MAX_Q16:
            raise UsageError("a leak lies outside 0..65536", evidence=str(layer.leak_q16.max()))
        if layer.noise_q8.any():
            self._bind("noise_q8", "uint16_t[]", layer.noise_q8, np.uint16, (neurons,))
        if layer.fault.any():
            self._bind("fault", "int8_t[]", layer.fault, np.int8, (neurons,))

    def _bind(
        self, name: str, ctype: str, array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]
    ) -> None:
        if array.shape != shape:
            raise UsageError("the operating point does not fit the image", evidence=f"{array.shape} against {shape}")
        pointer = ffi.from_buffer(ctype, np.array(array, dtype, order="C"))
        self.kept.append(pointer)
        self.fields[name] = pointer
