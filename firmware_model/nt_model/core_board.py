"""The array as boards run it: firmware/core in place on the image's bytes, one sample at a time."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nt_model.core_library import accepted, ffi, lib
from nt_model.core_values import (
    POINTS,
    BoundLayer,
    ByteArray,
    LearnBatch,
    Results,
    c_settings,
    c_state,
    check_operating,
)
from nt_model.errors import ImageError
from nt_model.image import Image
from nt_model.image_file import image_bytes
from nt_model.learn import LearnSettings, LearnState
from nt_model.operating import Operating

BOARD_KERNELS = ("wide", "portable")
"""Inner loops of firmware/core: in the vectors of whatever machine this is, and in the words of a board."""


class _BoundOperating:
    """C view of an Operating; keeps the arrays that it points into."""

    def __init__(self, operating: Operating, sizes: tuple[int, ...]) -> None:
        check_operating(operating, sizes)
        self.bound = [BoundLayer(layer, size) for layer, size in zip(operating.layers, sizes, strict=True)]
        self.layers = ffi.new("struct nt_layer_operating[]", [one.fields for one in self.bound])
        self.pointer = ffi.new("struct nt_operating *", {"layers": self.layers, "codes": ffi.NULL})


def _scratch(size: int) -> Any:
    return ffi.from_buffer(np.zeros(-(-size // 8), np.uint64), require_writable=True)


class BoardArray:
    """See `CoreArray`. `kernel` is one of BOARD_KERNELS; `block_neurons` is worked on at a time, 0 for all."""

    def __init__(self, image: Image, block_neurons: int, kernel: str) -> None:
        self._sizes = tuple(layer.n_neurons for layer in image.layers)
        self._data = image_bytes(image)
        self._buffer = ffi.from_buffer(self._data)
        self._image = ffi.new("struct nt_image *")
        result = lib.nt_image_parse(self._image, self._buffer, len(self._data))
        if result < 0:
            raise ImageError(
                "the C core refuses the image",
                evidence=f"error {result}",
                next_step="rebuild the image with `nt-host build`",
            )
        self._kernel = lib.wide_kernel() if kernel == "wide" else lib.portable_kernel()
        self._block = block_neurons or -(-max(self._sizes) // 8) * 8
        self._array = ffi.new("struct nt_array *")
        self._array_scratch: Any = None
        self._learn = ffi.new("struct nt_learn *")
        self._learn_scratch: Any = None
        self._bound: WeakKeyDictionary[Operating, _BoundOperating] = WeakKeyDictionary()

    def run(self, operating: list[Operating], events: ByteArray, first_step: int, results: Results) -> None:
        """See `CoreArray.run`."""
        bound = [self._bind(one) for one in operating]
        self._run([one.pointer for one in bound], events, first_step, results)

    def run_nominal(self, codes: ByteArray, events: ByteArray, results: Results) -> None:
        """Without a silicon model: all but the codes is in the image."""
        kept = ffi.from_buffer("uint8_t[]", codes)
        point = ffi.new("struct nt_operating *", {"layers": ffi.NULL, "codes": kept})
        self._run([point], events, 0, results)

    def learn(self, state: LearnState, batch: LearnBatch, settings: LearnSettings) -> None:
        """See `CoreArray.learn`."""
        if self._learn_scratch is None:
            self._learn_scratch = _scratch(lib.nt_learn_scratch_size(self._image))
        accepted(
            "nt_learn_begin",
            lib.nt_learn_begin(
                self._learn,
                self._image,
                self._kernel,
                c_settings(settings),
                self._learn_scratch,
                len(self._learn_scratch),
            ),
        )
        lib.nt_batch_learn(
            self._learn,
            c_state(state),
            ffi.from_buffer("uint8_t[]", batch.plus),
            ffi.from_buffer("uint8_t[]", batch.minus),
            ffi.from_buffer("int64_t[]", batch.labels),
            len(batch.labels),
        )

    def dithered_codes(self, codes: ByteArray, settings: LearnSettings, sign: int) -> ByteArray:
        """Codes of the dithered read-out, as `learn.dithered_codes`; `sign` is +1 or -1."""
        after = np.empty(len(codes), np.uint8)
        before = ffi.from_buffer("uint8_t[]", codes)
        lib.nt_learn_dither(self._image, c_settings(settings), before, sign, ffi.from_buffer("uint8_t[]", after))
        return after

    def _bind(self, operating: Operating) -> _BoundOperating:
        bound = self._bound.get(operating)
        if bound is None:
            bound = self._bound[operating] = _BoundOperating(operating, self._sizes)
        return bound

    def _run(self, points: list[Any], events: ByteArray, first_step: int, results: Results) -> None:
        samples, steps, _ = events.shape
        self._reserve(steps)
        accepted(
            "nt_batch_run",
            lib.nt_batch_run(
                self._array,
                points,
                len(points),
                ffi.from_buffer("uint8_t[]", events),
                samples,
                steps,
                first_step % 2**64,
                results.as_response(),
            ),
        )

    def _reserve(self, steps: int) -> None:
        """Scratch for `steps`; it only grows, so that a run of equal batches allocates once."""
        if self._array_scratch is not None and steps <= self._array.shape.steps:
            return
        shape = ffi.new("struct nt_array_shape *", {"block_neurons": self._block, "steps": steps, "points": POINTS})
        size = int(lib.nt_array_scratch_size(self._image, shape))
        self._array_scratch = _scratch(size)
        accepted(
            "nt_array_begin",
            lib.nt_array_begin(self._array, self._image, self._kernel, shape, self._array_scratch, size),
        )
