"""Engine "c": the C core of firmware/core behind the `Engine` protocol, and its frame codec and CRC.

The extension is built when the package is installed; without it this module cannot be imported, and says what to do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nt_model.engine import Forward
from nt_model.errors import EnvironmentMissingError, ImageError, UsageError
from nt_model.image import Image
from nt_model.image_file import image_bytes
from nt_model.learn import LearnSettings, LearnState, Spikes
from nt_model.operating import LayerOperating, Operating

try:
    from nt_model._core import ffi as _ffi
    from nt_model._core import lib as _lib
except ImportError as error:
    raise EnvironmentMissingError(
        "the C core is not built on this machine",
        evidence=str(error),
        next_step="`pip install -e .` with a C compiler at hand, or choose `--engine numpy`",
    ) from error

ByteArray = NDArray[np.uint8]
Int32Array = NDArray[np.int32]

STEPS_MAX = 255
POINTS = 3
KERNELS = ("wide", "portable")


class CoreResultError(UsageError):
    """The C core refused; `result` is its negative error (firmware/core/nt_error.h)."""

    def __init__(self, function: str, result: int) -> None:
        super().__init__(f"{function} of the C core refused its arguments", evidence=f"error {result}")
        self.result = result


def _accepted(function: str, result: int) -> int:
    if result < 0:
        raise CoreResultError(function, result)
    return result


def check_image(data: bytes) -> int:
    """Parse image bytes in C, digest included: 0, or the negative error of nt_error.h."""
    image = _ffi.new("struct nt_image *")
    result = int(_lib.nt_image_parse(image, _ffi.from_buffer(data), len(data)))
    return result if result < 0 else int(_lib.nt_image_digest_check(image))


def crc32c(data: bytes) -> int:
    """CRC-32C of `data` as the C core computes it."""
    return int(_lib.nt_crc32c_end(_lib.nt_crc32c_extend(0xFFFFFFFF, _ffi.from_buffer(data), len(data))))


class _BoundOperating:
    """C view of an Operating; keeps the arrays that it points into."""

    def __init__(self, operating: Operating, sizes: Sequence[int]) -> None:
        if len(operating.layers) != len(sizes):
            raise UsageError(
                "the operating point does not fit the image",
                evidence=f"{len(operating.layers)} against {len(sizes)} layers",
            )
        self.kept: list[object] = []
        self.layers = _ffi.new("struct nt_layer_operating[]", len(sizes))
        for bound, layer, neurons in zip(self.layers, operating.layers, sizes, strict=True):
            self._bind(bound, layer, neurons)
        self.pointer = _ffi.new("struct nt_operating *", {"layers": self.layers, "codes": _ffi.NULL})

    def _bind(self, bound: Any, layer: LayerOperating, neurons: int) -> None:
        bound.gain_q12 = self._pointer("uint16_t[]", layer.gain_q12, np.uint16, (neurons, 2))
        bound.threshold_q8 = self._pointer("int32_t[]", layer.threshold_q8, np.int32, (neurons,))
        bound.leak_q16 = self._pointer("uint32_t[]", layer.leak_q16, np.uint32, (neurons,))
        bound.noise_seed = layer.noise_seed % 2**64
        if layer.noise_q8.any():
            bound.noise_q8 = self._pointer("uint16_t[]", layer.noise_q8, np.uint16, (neurons,))
        if layer.fault.any():
            bound.fault = self._pointer("int8_t[]", layer.fault, np.int8, (neurons,))

    def _pointer(self, ctype: str, array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]) -> object:
        if array.shape != shape:
            raise UsageError("the operating point does not fit the image", evidence=f"{array.shape} against {shape}")
        # A copy, so that a cached binding cannot see later changes of half of its arrays.
        pointer = _ffi.from_buffer(ctype, np.array(array, dtype, order="C"))
        self.kept.append(pointer)
        return pointer


@dataclass(frozen=True)
class _Results:
    """Room for a batch: `counts` (points, B, N) uint8, and both membranes (B, N) int32 or nothing."""

    counts: ByteArray
    membranes: Int32Array | None

    def as_response(self) -> Any:
        response = _ffi.new("struct nt_response *")
        for point, rows in enumerate(self.counts):
            response.counts[point] = _ffi.from_buffer("uint8_t[]", rows)
        if self.membranes is not None:
            response.compared_q8 = _ffi.from_buffer("int32_t[]", self.membranes[0])
            response.membrane_q8 = _ffi.from_buffer("int32_t[]", self.membranes[1])
        return response


def _scratch(size: int) -> Any:
    return _ffi.from_buffer(np.zeros(-(-size // 8), np.uint64), require_writable=True)


def _kernel_named(name: str) -> Any:
    if name not in KERNELS:
        raise UsageError(f"the C core has no kernels called '{name}'", evidence=f"kernels: {', '.join(KERNELS)}")
    return _lib.wide_kernel() if name == "wide" else _lib.portable_kernel()


class CoreEngine:
    """Forward pass and learning step in C, bit-exact with the golden model; calls release the GIL.

    Args:
        image: what to run.
        block_neurons: neurons worked on at a time, a multiple of 8; 0 takes the widest layer. A board takes few.
        kernel: inner loops, one of KERNELS: those of hosts or those of boards.
    """

    name = "c"

    def __init__(self, image: Image, block_neurons: int = 0, kernel: str = "wide") -> None:
        self.image = image
        self._sizes = tuple(layer.n_neurons for layer in image.layers)
        self._data = image_bytes(image)
        self._buffer = _ffi.from_buffer(self._data)
        self._image = _ffi.new("struct nt_image *")
        result = _lib.nt_image_parse(self._image, self._buffer, len(self._data))
        if result < 0:
            raise ImageError(
                "the C core refuses the image",
                evidence=f"error {result}",
                next_step="rebuild the image with `nt-host build`",
            )
        self._kernel = _kernel_named(kernel)
        self._block = block_neurons or -(-max(self._sizes) // 8) * 8
        self._array = _ffi.new("struct nt_array *")
        self._array_scratch: Any = None
        self._learn = _ffi.new("struct nt_learn *")
        self._learn_scratch = _scratch(_lib.nt_learn_scratch_size(self._image))
        self._bound: WeakKeyDictionary[Operating, _BoundOperating] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def forward(self, operating: Operating, x: ByteArray, first_step: int) -> Forward:
        """See `Engine.forward`."""
        return self._forward(self._bind(operating).pointer, x, first_step)

    def forward_nominal(self, codes: ByteArray, x: ByteArray) -> Forward:
        """The ideal chip at `codes` as a board without silicon model runs it: all but the codes is in the image."""
        if codes.shape != (self.image.n_codes,) or codes.dtype != np.uint8:
            raise UsageError("the codes do not fit the image", evidence=f"{codes.dtype} {codes.shape}")
        kept = _ffi.from_buffer("uint8_t[]", np.ascontiguousarray(codes))
        return self._forward(_ffi.new("struct nt_operating *", {"layers": _ffi.NULL, "codes": kept}), x, 0)

    def forward_dithered(
        self, operating: Operating, plus: Operating, minus: Operating, x: ByteArray, first_step: int
    ) -> Spikes:
        """See `Engine.forward_dithered`."""
        results = _Results(np.empty((POINTS, len(x), sum(self._sizes)), np.uint8), None)
        bound = [self._bind(point) for point in (operating, plus, minus)]
        self._run([one.pointer for one in bound], x, first_step, results)
        return Spikes(*(tuple(self._by_layer(rows)) for rows in results.counts))

    def learn(
        self, state: LearnState, spikes: Spikes, labels: NDArray[np.int64], settings: LearnSettings
    ) -> LearnState:
        """See `Engine.learn`."""
        after = LearnState(state.codes.copy(), state.accumulator_q8.copy(), state.mean_q8.copy())
        plus, minus = self._rows(spikes.plus), self._rows(spikes.minus)
        if len(plus) != len(labels) or len(minus) != len(labels):
            raise UsageError("spikes and labels differ in length", evidence=f"{len(plus)} and {len(labels)} samples")
        self._check_state(after)
        target = np.ascontiguousarray(labels, np.int64)
        with self._lock:
            _accepted(
                "nt_learn_begin",
                _lib.nt_learn_begin(
                    self._learn,
                    self._image,
                    self._kernel,
                    _settings(settings),
                    self._learn_scratch,
                    len(self._learn_scratch),
                ),
            )
            _lib.nt_batch_learn(
                self._learn,
                _ffi.new(
                    "struct nt_learn_state *",
                    {
                        "codes": _ffi.from_buffer("uint8_t[]", after.codes),
                        "accumulator_q8": _ffi.from_buffer("int16_t[]", after.accumulator_q8),
                        "mean_q8": _ffi.from_buffer("uint32_t[]", after.mean_q8),
                    },
                ),
                _ffi.from_buffer("uint8_t[]", plus),
                _ffi.from_buffer("uint8_t[]", minus),
                _ffi.from_buffer("int64_t[]", target),
                len(target),
            )
        return after

    def dithered_codes(self, codes: ByteArray, settings: LearnSettings, sign: int) -> ByteArray:
        """Codes of the dithered read-out, as `learn.dithered_codes`; `sign` is +1 or -1."""
        before = np.ascontiguousarray(codes, np.uint8)
        after = np.empty(self.image.n_codes, np.uint8)
        _lib.nt_learn_dither(
            self._image,
            _settings(settings),
            _ffi.from_buffer("uint8_t[]", before),
            sign,
            _ffi.from_buffer("uint8_t[]", after),
        )
        return after

    def _check_state(self, state: LearnState) -> None:
        for array, dtype in ((state.codes, np.uint8), (state.accumulator_q8, np.int16), (state.mean_q8, np.uint32)):
            if array.shape != (self.image.n_codes,) or array.dtype != dtype:
                raise UsageError(
                    "the learning state does not fit the image",
                    evidence=f"{array.dtype} {array.shape}, {self.image.n_codes} codes",
                )

    def _forward(self, point: Any, x: ByteArray, first_step: int) -> Forward:
        neurons = sum(self._sizes)
        membranes = np.empty((2, len(x), neurons), np.int32)
        results = _Results(np.empty((1, len(x), neurons), np.uint8), membranes)
        self._run([point], x, first_step, results)
        return Forward(*(tuple(self._by_layer(rows)) for rows in (results.counts[0], *membranes)))

    def _run(self, points: list[Any], x: ByteArray, first_step: int, results: _Results) -> None:
        events = self._events(x)
        with self._lock:
            self._reserve(events.shape[1])
            _accepted(
                "nt_batch_run",
                _lib.nt_batch_run(
                    self._array,
                    points,
                    len(points),
                    _ffi.from_buffer("uint8_t[]", events),
                    events.shape[0],
                    events.shape[1],
                    first_step % 2**64,
                    results.as_response(),
                ),
            )

    def _events(self, x: ByteArray) -> ByteArray:
        if x.ndim != 3 or x.shape[2] != self.image.n_inputs or x.dtype != np.uint8:
            raise UsageError(
                "events are not (samples, steps, inputs) uint8",
                evidence=f"{x.dtype} {x.shape}, {self.image.n_inputs} inputs",
            )
        if not 1 <= x.shape[1] <= STEPS_MAX:
            raise UsageError("time steps lie outside 1..255", evidence=str(x.shape[1]))
        return np.ascontiguousarray(x)

    def _bind(self, operating: Operating) -> _BoundOperating:
        bound = self._bound.get(operating)
        if bound is None:
            bound = self._bound[operating] = _BoundOperating(operating, self._sizes)
        return bound

    def _reserve(self, steps: int) -> None:
        """Scratch for `steps`; it only grows, so that a run of equal batches allocates once."""
        if self._array_scratch is not None and steps <= self._array.shape.steps:
            return
        shape = _ffi.new("struct nt_array_shape *", {"block_neurons": self._block, "steps": steps, "points": POINTS})
        size = int(_lib.nt_array_scratch_size(self._image, shape))
        self._array_scratch = _scratch(size)
        _accepted(
            "nt_array_begin",
            _lib.nt_array_begin(self._array, self._image, self._kernel, shape, self._array_scratch, size),
        )

    def _by_layer(self, rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
        start = 0
        for size in self._sizes:
            yield rows[:, start : start + size]
            start += size

    def _rows(self, counts: tuple[ByteArray, ...]) -> ByteArray:
        rows = np.concatenate(counts, axis=1)
        if rows.dtype != np.uint8 or rows.shape[1] != sum(self._sizes):
            raise UsageError("spike counts do not fit the image", evidence=f"{rows.dtype} {rows.shape}")
        return rows


def _settings(settings: LearnSettings) -> Any:
    fields = ("hidden_dither_code", "output_dither_code", "rate_q8", "max_move_code", "code_min", "code_max")
    try:
        return _ffi.new("struct nt_learn_settings *", {name: getattr(settings, name) for name in fields})
    except OverflowError as error:
        raise UsageError("a learning setting is out of range", evidence=str(error)) from error


@dataclass(frozen=True)
class Frame:
    """One frame of the wire (docs/spec.md, section 3); `payload` of at most 65535 bytes."""

    session: int
    type: int
    seq: int
    payload: bytes


def encode_frame(frame: Frame) -> bytes:
    """Bytes on the wire: 0x00, the stuffed frame, 0x00."""
    payload = _ffi.from_buffer("uint8_t[]", frame.payload)
    c_frame = _ffi.new(
        "struct nt_frame *",
        {
            "session": frame.session,
            "type": frame.type,
            "seq": frame.seq,
            "length": len(frame.payload),
            "payload": payload,
        },
    )
    capacity = len(frame.payload) + 10 + (len(frame.payload) + 10) // 254 + 3
    out = _ffi.new("uint8_t[]", capacity)
    return bytes(_ffi.buffer(out, _accepted("nt_frame_encode", _lib.nt_frame_encode(c_frame, out, capacity))))


class FrameDecoder:
    """Incremental decoder with a buffer for payloads of up to `max_payload` bytes."""

    def __init__(self, max_payload: int) -> None:
        self._capacity = max_payload + 10
        self._buffer = _ffi.new("uint8_t[]", self._capacity)
        self._decoder = _ffi.new("struct nt_frame_decoder *")
        self._frame = _ffi.new("struct nt_frame *")
        _lib.nt_frame_decoder_begin(self._decoder, self._buffer, self._capacity)

    def push(self, data: bytes) -> list[Frame | int]:
        """What `data` completes, in order: frames, and the negative error of each frame that was dropped."""
        found: list[Frame | int] = []
        for byte in data:
            result = int(_lib.nt_frame_decoder_push(self._decoder, byte, self._frame))
            if result != 0:
                found.append(self._taken() if result > 0 else result)
        return found

    def _taken(self) -> Frame:
        frame = self._frame
        payload = bytes(_ffi.buffer(frame.payload, frame.length))
        return Frame(int(frame.session), int(frame.type), int(frame.seq), payload)
