"""Compiler: a trained network becomes a chip image.

Integers are taken as they are and refused where the array cannot hold them; floats are scaled layer by layer so that
the largest weight is 7, which leaves every spike of a one-step network where it was up to the rounding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.pretrain.encode import CountEncoder
from nt_host.pretrain.spec import TrainedNetwork
from nt_host.readout import SHARE_KEY
from nt_model.errors import UsageError
from nt_model.gain import nominal_gain
from nt_model.image import EncoderSpec, Image, Layer, own_domains
from nt_model.weights import WEIGHT_MAX, PackedWeights

ONE_Q8 = 256
AnyArray = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class NetworkLayer:
    """One layer in integers of any integer dtype: `weight` (N, M), `bias` (N,) weight LSB, `threshold_q8` (N,) Q23.8;
    `leak` 0..16 and `refractory` 0..255 as in the image."""

    weight: AnyArray
    bias: AnyArray
    threshold_q8: AnyArray
    leak: int = 0
    refractory: int = 0


def quantised(weight: AnyArray, bias: AnyArray, threshold: AnyArray) -> NetworkLayer:
    """Quantise a float layer: all three scaled by 7 / max|w| and rounded, the threshold to Q23.8.

    Raises:
        UsageError: a value is not finite or all weights are 0.
    """
    wide = [np.asarray(part, np.float64) for part in (weight, bias, threshold)]
    if not all(bool(np.isfinite(part).all()) for part in wide):
        raise UsageError("the network holds NaN or infinity", next_step="train it again and save finite numbers")
    largest = float(np.abs(wide[0]).max())
    if largest == 0:
        raise UsageError(
            "all weights of a layer are 0: there is nothing to scale", next_step="check which arrays were saved"
        )
    scale = WEIGHT_MAX / largest
    whole = [
        np.rint(part * factor).astype(np.int64)
        for part, factor in zip(wide, (scale, scale, scale * ONE_Q8), strict=True)
    ]
    return NetworkLayer(whole[0], whole[1], whole[2])


def _held(array: AnyArray, dtype: type[np.signedinteger], low: int, high: int, what: str) -> AnyArray:
    """`array` in `dtype` where all its numbers lie in low..high; UsageError with the first that does not."""
    if array.dtype.kind not in "iub":
        raise UsageError(
            f"{what} is not an array of whole numbers",
            evidence=f"dtype {array.dtype}",
            next_step="save integers, or let `nt-host build --quantise` scale floats",
        )
    wide = array.astype(np.int64)
    outside = (wide < low) | (wide > high)
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise UsageError(
            f"{what} lies outside {low}..{high}",
            evidence=f"{int(outside.sum())} of them, first {int(wide[place])} at {list(place)}",
            next_step="train with 4-bit weights, or let `nt-host build --quantise` scale floats",
        )
    return array.astype(dtype)


def compiled_layer(layer: NetworkLayer, domain: NDArray[np.uint16], index: int) -> Layer:
    """Layer number `index` in the image's formats; UsageError where a number does not fit."""
    weight = _held(layer.weight, np.int8, -WEIGHT_MAX, WEIGHT_MAX, f"a weight of layer {index}")
    bias = _held(layer.bias, np.int16, -(2**15), 2**15 - 1, f"a bias of layer {index}")
    threshold = _held(layer.threshold_q8, np.int32, -(2**31), 2**31 - 1, f"a threshold of layer {index}")
    packed = PackedWeights.of(weight.astype(np.int8))
    return Layer(packed, bias.astype(np.int16), threshold.astype(np.int32), domain, layer.leak, layer.refractory)


def compile_network(
    layers: Sequence[NetworkLayer],
    readout_class: NDArray[np.uint16],
    encoder: EncoderSpec,
    *,
    domains: Sequence[NDArray[np.uint16]] | None = None,
    n_steps: int = 1,
    metadata: Mapping[str, str] | None = None,
) -> Image:
    """Compile integer layers into an image with the nominal gain table.

    Args:
        layers: input side first.
        readout_class: (N_out,) class of each output neuron.
        encoder: input encoder; its M must be the inputs of the first layer.
        domains: one (N, 2) map per layer; None gives every neuron a code of its own.
        n_steps: time steps per sample, 1..255.
        metadata: UTF-8 text by key.

    Raises:
        UsageError: a weight lies outside -7..7 or another number does not fit; ImageError, which is one: the parts
            do not fit each other, or the domain map has holes.
    """
    if domains is None:
        domains = own_domains(tuple(len(layer.weight) for layer in layers))
    return Image(
        layers=tuple(
            compiled_layer(layer, domain, index)
            for index, (layer, domain) in enumerate(zip(layers, domains, strict=True))
        ),
        gain=nominal_gain(),
        readout_class=readout_class.astype(np.uint16),
        n_steps=n_steps,
        encoder=encoder,
        metadata=dict(metadata or {}),
    )


def encoder_of(encoder: CountEncoder) -> EncoderSpec:
    """The image's record of a pretraining encoder; UsageError where its step is not a whole number 1..255."""
    levels = round(encoder.step)
    if levels != encoder.step:
        raise UsageError(
            "the encoder's events per deviation are not a whole number",
            evidence=str(encoder.step),
            next_step="pretrain with a whole number of events per deviation",
        )
    return EncoderSpec("count", encoder.transform, levels, encoder.offset, encoder.scale)


def compile_trained(network: TrainedNetwork, encoder: CountEncoder, metadata: Mapping[str, str] | None = None) -> Image:
    """Compile a pretrained network and its encoder; raises as `compile_network`."""
    text = dict(metadata or {})
    if network.firing_share_q12:
        text[SHARE_KEY] = json.dumps(network.firing_share_q12)
    layers = [NetworkLayer(layer.weight, layer.bias, layer.threshold_q8) for layer in network.layers]
    return compile_network(layers, network.readout_class, encoder_of(encoder), n_steps=network.n_steps, metadata=text)
