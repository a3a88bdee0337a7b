"""The chip image as values: layers, domains, gain table, readout and input encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import image_require
from nt_model.weights import PackedWeights

LEAK_MAX = 16
N_CODES_PER_DOMAIN = 256
CODE_DEFAULT = 128
ENCODER_KINDS = ("count", "binary", "thermometer", "rate")
ENCODER_TRANSFORMS = ("none", "signed_log")


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of N neurons with M inputs.

    Attributes:
        packed: the weights, as the image holds them.
        bias: (N,) int16, always-on synapses, weight LSB.
        threshold_q8: (N,) int32, Q23.8.
        domain: (N, 2) uint16, index of the code of the excitatory and of the inhibitory part; equal where a
            neuron has one domain.
        leak: shift of the leak per step, 0 (none) to 16.
        refractory: steps for which a neuron ignores its input after a spike, 0..255.

    Raises:
        ImageError: a shape, dtype or range is off.
    """

    packed: PackedWeights
    bias: NDArray[np.int16]
    threshold_q8: NDArray[np.int32]
    domain: NDArray[np.uint16]
    leak: int = 0
    refractory: int = 0

    def __post_init__(self) -> None:
        neurons = self.n_neurons
        for name, array, dtype, shape in (
            ("bias", self.bias, np.int16, (neurons,)),
            ("threshold_q8", self.threshold_q8, np.int32, (neurons,)),
            ("domain", self.domain, np.uint16, (neurons, 2)),
        ):
            image_require(
                array.dtype == dtype and array.shape == shape,
                f"a layer's {name} has the wrong dtype or shape",
                f"{array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}",
            )
        image_require(0 <= self.leak <= LEAK_MAX, "a layer's leak lies outside 0..16", str(self.leak))
        image_require(
            0 <= self.refractory <= 255, "a layer's refractory time lies outside 0..255", str(self.refractory)
        )

    @property
    def weight(self) -> NDArray[np.int8]:
        """(N, M) int8, -7..7, in weight LSB, read-only; unpacked at the first use and then kept (`PackedWeights`)."""
        return self.packed.weight

    @property
    def n_neurons(self) -> int:
        return self.packed.n_neurons

    @property
    def n_inputs(self) -> int:
        return self.packed.n_inputs


@dataclass(frozen=True, eq=False)
class EncoderSpec:
    """How features become input events (host side; carried in the image so that it cannot be lost).

    z = (transform(feature) - offset) * scale; then by kind: `count`: round(z * levels) clipped to 0..255 of the
    positive parts, then of the negative parts (M = 2 F); `binary`: z > 0 (M = F); `thermometer`: z > k / levels
    for k in 0..levels-1 (M = F * levels); `rate`: z in 0..1 spread evenly over the time steps (M = F).

    Attributes:
        kind: one of ENCODER_KINDS.
        transform: one of ENCODER_TRANSFORMS; signed_log is sign(v) log(1 + |v|).
        levels: 1..255, see above.
        offset: (F,) float32, in units of the transformed feature.
        scale: (F,) float32, per unit of the transformed feature.
    """

    kind: str
    transform: str
    levels: int
    offset: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __post_init__(self) -> None:
        image_require(self.kind in ENCODER_KINDS, "unknown input encoder", self.kind)
        image_require(self.transform in ENCODER_TRANSFORMS, "unknown feature transform", self.transform)
        image_require(1 <= self.levels <= 255, "encoder levels lie outside 1..255", str(self.levels))
        shapes_agree = self.offset.ndim == 1 and self.offset.shape == self.scale.shape and len(self.offset) > 0
        image_require(shapes_agree, "encoder offset and scale differ in shape")
        finite = bool(np.isfinite(self.offset).all() and np.isfinite(self.scale).all())
        image_require(finite, "encoder offset or scale is not finite")

    @property
    def n_features(self) -> int:
        return len(self.offset)

    @property
    def n_inputs(self) -> int:
        """Inputs M that this encoder feeds."""
        return self.n_features * {"count": 2, "binary": 1, "thermometer": self.levels, "rate": 1}[self.kind]


@dataclass(frozen=True, eq=False)
class Image:
    """A compiled network: what is frozen in the chip's ROM.

    Attributes:
        layers: in order; each layer's inputs are the neurons of the one before.
        gain: (256,) uint16, Q4.12, nominal gain of each code, monotone, 4096 at code 128.
        readout_class: (N_out,) uint16, class of each neuron of the last layer; classes 0..n_classes-1 all occur.
        n_steps: time steps T per sample, 1..255.
        encoder: input encoder.
        metadata: UTF-8 text by key (source, accuracy, licence, classes, firing_share_q12).

    Raises:
        ImageError: parts do not fit each other, a domain map has holes, the gain table is not monotone.
    """

    layers: tuple[Layer, ...]
    gain: NDArray[np.uint16]
    readout_class: NDArray[np.uint16]
    n_steps: int
    encoder: EncoderSpec
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        image_require(1 <= len(self.layers) <= 255, "an image needs 1 to 255 layers", str(len(self.layers)))
        for index, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            image_require(
                below.n_neurons == above.n_inputs,
                "neighbouring layers do not fit",
                f"layer {index} has {below.n_neurons} neurons, layer {index + 1} has {above.n_inputs} inputs",
            )
        image_require(
            self.encoder.n_inputs == self.layers[0].n_inputs,
            "the encoder does not fit the first layer",
            f"{self.encoder.n_inputs} against {self.layers[0].n_inputs} inputs",
        )
        self._check_gain()
        self._check_domains()
        self._check_readout()
        image_require(1 <= self.n_steps <= 255, "time steps lie outside 1..255", str(self.n_steps))

    def _check_gain(self) -> None:
        image_require(self.gain.dtype == np.uint16 and self.gain.shape == (256,), "the gain table is not 256 x uint16")
        image_require(bool((np.diff(self.gain.astype(np.int32)) >= 0).all()), "the gain table is not monotone")
        image_require(
            int(self.gain[CODE_DEFAULT]) == 4096,
            "the gain of code 128 is not 4096 (1.0)",
            str(int(self.gain[CODE_DEFAULT])),
        )

    def _check_domains(self) -> None:
        used = np.unique(np.concatenate([layer.domain.ravel() for layer in self.layers]))
        missing = np.setdiff1d(np.arange(int(used[-1]) + 1), used)
        image_require(
            len(missing) == 0,
            "the domain map has holes: some codes drive no neuron",
            f"{len(missing)} unused, first {missing[:1].tolist()}",
        )

    def _check_readout(self) -> None:
        outputs = self.layers[-1].n_neurons
        image_require(
            self.readout_class.dtype == np.uint16 and self.readout_class.shape == (outputs,),
            "the readout map does not give one class per output neuron",
        )
        classes = np.unique(self.readout_class)
        image_require(bool((classes == np.arange(len(classes))).all()), "the readout map skips a class")

    @cached_property
    def n_inputs(self) -> int:
        return self.layers[0].n_inputs

    @cached_property
    def n_codes(self) -> int:
        """Number of power domains = DAC codes."""
        return int(max(int(layer.domain.max()) for layer in self.layers)) + 1

    @cached_property
    def n_classes(self) -> int:
        return int(self.readout_class.max()) + 1

    @cached_property
    def n_neurons(self) -> int:
        return sum(layer.n_neurons for layer in self.layers)

    @cached_property
    def n_synapses(self) -> int:
        return sum(layer.n_neurons * layer.n_inputs for layer in self.layers)


def own_domains(sizes: tuple[int, ...], *, split: bool = False) -> tuple[NDArray[np.uint16], ...]:
    """Domain maps, one (N, 2) uint16 per layer, with a code of its own for every neuron (two when `split`)."""
    maps = []
    start = 0
    for neurons in sizes:
        width = 2 if split else 1
        index = start + np.arange(neurons * width).reshape(neurons, width)
        maps.append(np.broadcast_to(index, (neurons, 2)).astype(np.uint16))
        start += neurons * width
    return tuple(maps)
