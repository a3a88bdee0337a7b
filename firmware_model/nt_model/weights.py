"""Frozen weights as chip images hold them: packed nibbles, and as int8 where somebody asks for that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import ImageError, image_require

WEIGHT_MAX = 7
MAX_INPUTS = 1 << 20
MAX_NEURONS = 1 << 20
INPUTS_AT_ONCE = 16
"""Packed or unpacked at a time: what lies in between stays in the cache, and a large layer needs no second copy."""
WORDS_AT_ONCE = 1 << 16
"""Of four bytes, checked at a time, for the same reason."""


class ForbiddenWeightError(ImageError):
    """A nibble is 0, which would be weight -8; `byte` of the packed weights holds it."""

    def __init__(self, byte: int) -> None:
        super().__init__(
            "a weight outside -7..7 (nibble 0) is in the image",
            evidence=f"byte {byte} of the packed weights",
            next_step="rebuild the image with `nt-host build`",
        )
        self.byte = byte


def _require_size(neurons: int, inputs: int) -> None:
    image_require(
        1 <= neurons <= MAX_NEURONS and 1 <= inputs <= MAX_INPUTS,
        "a layer has no neuron or no input",
        f"{neurons} neurons, {inputs} inputs",
    )


def packed_stride(neurons: int) -> int:
    """Bytes of one input's column."""
    return -(-neurons // 8) * 4


def pack_weights(weight: NDArray[np.int8]) -> NDArray[np.uint8]:
    """`PackedWeights.columns` of weights (N, M) int8, -7..7."""
    neurons, inputs = weight.shape
    columns = np.empty((inputs, packed_stride(neurons)), np.uint8)
    nibbles = np.full((min(inputs, INPUTS_AT_ONCE), columns.shape[1] * 2), 8, np.uint8)
    for first in range(0, inputs, INPUTS_AT_ONCE):
        part = columns[first : first + INPUTS_AT_ONCE]
        own = nibbles[: len(part)]
        own[:, :neurons] = weight[:, first : first + len(part)].T.view(np.uint8)
        own[:, :neurons] += 8
        np.left_shift(own[:, 1::2], 4, out=part)
        part |= own[:, 0::2]
    return columns


def unpack_weights(columns: NDArray[np.uint8], neurons: int) -> NDArray[np.int8]:
    """Inverse of `pack_weights`: (N, M) int8."""
    inputs = len(columns)
    weight = np.empty((neurons, inputs), np.int8)
    nibbles = np.empty((min(inputs, INPUTS_AT_ONCE), columns.shape[1] * 2), np.uint8)
    for first in range(0, inputs, INPUTS_AT_ONCE):
        part = columns[first : first + INPUTS_AT_ONCE]
        own = nibbles[: len(part)]
        np.bitwise_and(part, 15, out=own[:, 0::2])
        np.right_shift(part, 4, out=own[:, 1::2])
        own -= 8
        weight[:, first : first + len(part)] = own[:, :neurons].view(np.int8).T
    return weight


def refuse_zero_nibbles(columns: NDArray[np.uint8]) -> None:
    """ForbiddenWeightError, with the first of them, where a nibble of `columns` is 0.

    A word has one exactly if borrowing for -1 in each nibble sets a high bit that was not there.
    """
    words = columns.reshape(-1).view("<u4")
    less, clear = (np.empty(min(len(words), WORDS_AT_ONCE), np.uint32) for _ in range(2))
    for first in range(0, len(words), WORDS_AT_ONCE):
        part = words[first : first + WORDS_AT_ONCE]
        found = np.subtract(part, np.uint32(0x11111111), out=less[: len(part)])
        found &= np.invert(part, out=clear[: len(part)])
        if int(np.bitwise_or.reduce(found)) & 0x88888888:
            data = part.view(np.uint8)
            raise ForbiddenWeightError(4 * first + int(np.argmax((data & 15 == 0) | (data >> 4 == 0))))


@dataclass(frozen=True, eq=False)
class PackedWeights:
    """Weights (N, M), -7..7 weight LSB, of four bits each: the bytes of the chip image, on disk, in flash and here.

    A value that nobody can change: both arrays are read-only. Compared by identity, like the layer and the image that
    hold it; pickled as its packed bytes.

    Attributes:
        columns: (M, 4 * ceil(N / 8)) uint8, C order, one row per input: nibbles w + 8, neuron 2k in the low half of
            byte k. Spare nibbles at the end of a row count for nothing; `pack_weights` leaves weight 0 there. Must not
            be changed by whoever made it.
        n_neurons: N.

    Raises:
        ImageError: no neuron or input, too many, or `columns` does not have that shape.
        ForbiddenWeightError: a nibble is 0; checked here, once, for all later uses.
    """

    columns: NDArray[np.uint8]
    n_neurons: int

    def __post_init__(self) -> None:
        inputs, neurons = len(self.columns), self.n_neurons
        _require_size(neurons, inputs)
        shape = (inputs, packed_stride(neurons))
        image_require(
            self.columns.dtype == np.uint8 and self.columns.shape == shape and self.columns.flags.c_contiguous,
            "packed weights have the wrong dtype or shape",
            f"{self.columns.dtype} {self.columns.shape}, expected uint8 {shape}",
        )
        refuse_zero_nibbles(self.columns)
        view = self.columns.view()
        view.flags.writeable = False
        object.__setattr__(self, "columns", view)

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedWeights, (self.columns, self.n_neurons)

    @classmethod
    def of(cls, weight: NDArray[np.int8]) -> PackedWeights:
        """Pack `weight` (N, M) int8.

        Raises:
            ImageError: it is not a 2-D int8 array, holds a number outside -7..7, or has no neuron or input.
        """
        image_require(weight.dtype == np.int8 and weight.ndim == 2, "a layer's weights are not a 2-D int8 array")
        neurons, inputs = weight.shape
        _require_size(neurons, inputs)
        worst = max(int(weight.max()), -int(weight.min()))
        image_require(worst <= WEIGHT_MAX, "a weight lies outside -7..7", f"largest magnitude {worst}")
        return cls(pack_weights(weight), neurons)

    @property
    def n_inputs(self) -> int:
        return len(self.columns)

    @cached_property
    def weight(self) -> NDArray[np.int8]:
        """(N, M) int8, read-only: twice the packed bytes, made when first asked for and kept as long as this is."""
        weight = unpack_weights(self.columns, self.n_neurons)
        weight.flags.writeable = False
        return weight
