"""Images that differ in nothing but which neurons share a power domain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError
from nt_model.image import Image, own_domains

WHOLE_LAYER = 0
"""`neurons` of a sharing in which a layer has a single domain."""


@dataclass(frozen=True)
class Sharing:
    """Which neurons share a code.

    Attributes:
        neurons: neighbours of a layer that share a domain, 1 or more; `WHOLE_LAYER` for all of them. At the output at
            most the neurons of one class, since a code for several classes could not tell them apart.
        split: excitatory and inhibitory synapses of a neuron have codes of their own; with `neurons` = 1 alone.

    Raises:
        UsageError: `neurons` is negative, or `split` comes with shared domains.
    """

    neurons: int
    split: bool = False

    def __post_init__(self) -> None:
        if self.neurons < 0 or (self.split and self.neurons != 1):
            raise UsageError(
                "a sharing needs neurons >= 0, and split domains are one neuron's own",
                evidence=f"neurons {self.neurons}, split {self.split}",
            )

    def __str__(self) -> str:
        if self.split:
            return "two codes per neuron"
        if self.neurons == WHOLE_LAYER:
            return "one code per layer"
        return "one code per neuron" if self.neurons == 1 else f"{self.neurons} neurons per code"


def _layer_groups(n_neurons: int, share: int) -> NDArray[np.int64]:
    return np.arange(n_neurons, dtype=np.int64) // (share or n_neurons)


def _output_groups(readout_class: NDArray[np.uint16], share: int) -> NDArray[np.int64]:
    """Group of each output neuron, (N_out,): up to `share` neighbours of one class."""
    place = np.zeros(len(readout_class), np.int64)
    for label in np.unique(readout_class):
        members = readout_class == label
        place[members] = np.arange(members.sum())
    pairs = np.stack([readout_class.astype(np.int64), place // (share or len(place))], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)


def shared(image: Image, sharing: Sharing) -> Image:
    """`image` with domains shared as `sharing` says; weights, biases and thresholds are the same."""
    sizes = tuple(layer.n_neurons for layer in image.layers)
    if sharing.neurons == 1:
        maps = own_domains(sizes, split=sharing.split)
    else:
        groups = [_layer_groups(size, sharing.neurons) for size in sizes[:-1]]
        groups.append(_output_groups(image.readout_class, sharing.neurons))
        starts = np.cumsum([0, *(int(group.max()) + 1 for group in groups)])
        numbered = (start + group for start, group in zip(starts, groups, strict=False))
        maps = tuple(np.stack([group, group], axis=1).astype(np.uint16) for group in numbered)
    layers = tuple(replace(layer, domain=domain) for layer, domain in zip(image.layers, maps, strict=True))
    return replace(image, layers=layers)
