"""Golden learning step of the device: dither, margin, normalise (rule `dmn`), in integers.

Per sample and layer the chip shows its spikes at the codes, at code + d and at code - d. The gate h of a neuron is 1
where the last two differ: a surrogate derivative that is measured and hence right under mismatch. At the output the
error asks for a margin: the target must still spike at code - m, the others must stay silent at code + m. Errors
travel down by the image's own weights; every code moves by its summed, normalised error. State: an accumulator and a
running mean per code (docs/spec.md, section 5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]

ONE_Q8 = 256
MEAN_SHIFT = 4


@dataclass(frozen=True)
class LearnSettings:
    """Settings of rule `dmn`.

    Attributes:
        hidden_dither_code: d, codes, 1..127.
        output_dither_code: m, codes, 1..127.
        rate_q8: learning rate in codes per normalised error, Q8.8, 1..32767.
        max_move_code: largest move of a code in one step, 1..127 (slew limit).
        code_min: lowest code allowed, 0..255.
        code_max: highest code allowed, 0..255.

    Raises:
        UsageError: a setting lies outside its range.
    """

    hidden_dither_code: int = 48
    output_dither_code: int = 48
    rate_q8: int = 2560
    max_move_code: int = 16
    code_min: int = 0
    code_max: int = 255

    def __post_init__(self) -> None:
        in_order = 0 <= self.code_min <= self.code_max <= 255
        shifts_fit = 1 <= self.hidden_dither_code <= 127 and 1 <= self.output_dither_code <= 127
        if in_order and shifts_fit and 1 <= self.rate_q8 <= 32767 and 1 <= self.max_move_code <= 127:
            return
        for name, low, high in (
            ("hidden_dither_code", 1, 127),
            ("output_dither_code", 1, 127),
            ("rate_q8", 1, 32767),
            ("max_move_code", 1, 127),
            ("code_min", 0, self.code_max),
            ("code_max", self.code_min, 255),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"learning setting '{name}' lies outside {low}..{high}", evidence=str(value))


@dataclass(frozen=True, eq=False)
class LearnState:
    """`codes` (C,) uint8; `accumulator_q8` (C,) int16, fraction of a code still owed, within +-4 codes;
    `mean_q8` (C,) uint32, running mean of the size of the summed error, Q24.8."""

    codes: ByteArray
    accumulator_q8: NDArray[np.int16]
    mean_q8: NDArray[np.uint32]

    @classmethod
    def at(cls, codes: ByteArray) -> LearnState:
        return cls(codes.copy(), np.zeros(len(codes), np.int16), np.zeros(len(codes), np.uint32))


class Layers(tuple[ByteArray, ...]):
    """Columns of `joined` (B, N) uint8, one view per layer in order: who wants all layers side by side has them."""

    joined: ByteArray

    @classmethod
    def of(cls, joined: ByteArray, spans: Iterable[slice]) -> Layers:
        layers = cls([joined[:, span] for span in spans])
        layers.joined = joined
        return layers


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spike counts of every layer, one (B, N) uint8 per layer: at the codes, at code + d, at code - d."""

    plain: tuple[ByteArray, ...]
    plus: tuple[ByteArray, ...]
    minus: tuple[ByteArray, ...]


def output_error(image: Image, spikes: Spikes, labels: Int64Array) -> Int64Array:
    """Error of the output layer, (B, N_out) in {-1, 0, 1}: +1 target silent at code - m, -1 other spikes at code + m.

    `labels` is (B,) int64, class of each sample. A neuron counts as spiking with at least one spike in T steps.
    """
    target = image.readout_class[None, :] == labels[:, None]
    missing = target & (spikes.minus[-1] == 0)
    extra = ~target & (spikes.plus[-1] > 0)
    return missing.astype(np.int64) - extra.astype(np.int64)


def layer_errors(image: Image, spikes: Spikes, labels: Int64Array) -> tuple[Int64Array, ...]:
    """Gated error err * h of every layer, one (B, N) int64 per layer; err below is W^T (err * h)."""
    gated = [output_error(image, spikes, labels)]
    for index in range(len(image.layers) - 2, -1, -1):
        gate = spikes.plus[index] != spikes.minus[index]
        below = gated[0] @ image.layers[index + 1].weight.astype(np.int64)
        gated.insert(0, below * gate)
    return tuple(gated)


def code_error(image: Image, gated: tuple[Int64Array, ...]) -> Int64Array:
    """G, (C,): gated errors summed over the batch and the neurons of a domain. A domain that supplies only the
    inhibitory part of a neuron takes its error with the opposite sign."""
    total = np.zeros(image.n_codes, np.int64)
    for layer, error in zip(image.layers, gated, strict=True):
        per_neuron = error.sum(axis=0)
        excitatory, inhibitory = layer.domain[:, 0], layer.domain[:, 1]
        np.add.at(total, excitatory, per_neuron)
        split = inhibitory != excitatory
        np.add.at(total, inhibitory[split], -per_neuron[split])
    return total


def packed_gates(above: ByteArray, below: ByteArray, outputs: int) -> ByteArray:
    """What a learning step looks at, a bit each: (B, ceil(N / 8) + ceil(outputs / 8)) uint8, LSB first.

    Args:
        above, below: spike counts (B, N) at code + d and at code - d, all layers side by side.
        outputs: neurons of the last layer.

    First come the hidden neurons whose counts differ and the outputs that spiked above, filled up to whole bytes; then
    the outputs that spiked below.
    """
    hidden = above.shape[1] - outputs
    shown = np.concatenate((above[:, :hidden] != below[:, :hidden], above[:, hidden:] > 0), axis=1)
    parts = [np.packbits(bits, axis=1, bitorder="little") for bits in (shown, below[:, hidden:] > 0)]
    return np.concatenate(parts, axis=1)


def unpacked_gates(gates: ByteArray, neurons: int, outputs: int) -> ByteArray:
    """Planes (2, B, neurons) uint8 of 0 or 1 with the same gates as the counts that were packed: above, the bits of all
    neurons; below, those of the outputs, and 0 for hidden neurons."""
    planes = np.zeros((2, len(gates), neurons), np.uint8)
    tail = -(-neurons // 8)
    planes[0] = np.unpackbits(gates[:, :tail], axis=1, count=neurons, bitorder="little")
    planes[1, :, neurons - outputs :] = np.unpackbits(gates[:, tail:], axis=1, count=outputs, bitorder="little")
    return planes


def _normalising_shift(mean_q8: Int64Array) -> Int64Array:
    """ceil(log2(mean)), at least 0: number of bits of (ceil(mean) - 1)."""
    whole = np.maximum((mean_q8 + ONE_Q8 - 1) >> 8, 1) - 1
    shift = np.zeros_like(whole)
    while (whole >> shift).any():
        shift += (whole >> shift) > 0
    return shift


def update_codes(state: LearnState, error: Int64Array, settings: LearnSettings) -> LearnState:
    """Move the codes by the summed error G (C,) int64; codes with G = 0 keep their running mean."""
    size_q8 = np.minimum(np.abs(error) << 8, 2**31 - 1)
    mean = state.mean_q8.astype(np.int64)
    moved_mean = np.where(mean == 0, size_q8, mean + ((size_q8 - mean) >> MEAN_SHIFT))
    mean = np.where(error == 0, mean, np.maximum(moved_mean, 1))
    owed = state.accumulator_q8 + ((error * settings.rate_q8) >> _normalising_shift(mean))
    whole = np.where(owed < 0, -((-owed) >> 8), owed >> 8)
    move = np.clip(whole, -settings.max_move_code, settings.max_move_code)
    codes = np.clip(state.codes + move, settings.code_min, settings.code_max)
    rest = np.clip(owed - (move << 8), -4 * ONE_Q8, 4 * ONE_Q8)
    return LearnState(codes.astype(np.uint8), rest.astype(np.int16), mean.astype(np.uint32))


def learn_step(
    image: Image, state: LearnState, spikes: Spikes, labels: Int64Array, settings: LearnSettings
) -> LearnState:
    """One learning step on a batch: errors down the layers, summed per code, codes moved."""
    return update_codes(state, code_error(image, layer_errors(image, spikes, labels)), settings)


def dithered_codes(image: Image, codes: ByteArray, settings: LearnSettings, sign: int) -> ByteArray:
    """Codes moved by +-d (the output layer's by +-m), clipped to 0..255; a domain shared by output neurons moves by m.

    `sign` is +1 or -1.
    """
    shift = np.full(image.n_codes, settings.hidden_dither_code, np.int64)
    shift[np.unique(image.layers[-1].domain)] = settings.output_dither_code
    return np.clip(codes.astype(np.int64) + sign * shift, 0, 255).astype(np.uint8)
