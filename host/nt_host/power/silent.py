"""Which domains drive silent neurons only, which are quiet, and codes with those at the lowest code.

A neuron that was silent and has a threshold above 0 stays silent at a lower code on the same input: its drive only
shrinks towards 0. One with a threshold of 0 or less would spike, so its domain is never parked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nt_model.image import Image

ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
MEAN_BATCHES = 16
OUTPUT_RANK = 1.0


def silent_domains(image: Image, counts: Sequence[ByteArray]) -> BoolArray:
    """(n_codes,) bool: every neuron of the domain was silent in `counts`, one (B, N) uint8 per layer, and has a
    threshold above 0."""
    busy = np.zeros(image.n_codes, np.bool_)
    for layer, spikes in zip(image.layers, counts, strict=True):
        awake = (spikes > 0).any(axis=0) | (layer.threshold_q8 <= 0)
        busy[layer.domain[awake].ravel()] = True
    return ~busy


def parked_codes(codes: ByteArray, silent: BoolArray, code_min: int) -> ByteArray:
    """`codes` with the `silent` domains at `code_min`; codes below it stay."""
    return np.where(silent, np.minimum(codes, code_min), codes).astype(np.uint8)


class ActivityWatch:
    """How often each domain's neurons spike, as a falling mean over batches: the order in which a power budget parks
    domains. Output neurons come last, since each of them is quiet for all classes but its own. The state is one array,
    for checkpoints."""

    STATE = "power.rank"

    def __init__(self, image: Image) -> None:
        self._image = image
        self.rank = np.zeros(image.n_codes, np.float64)
        self.rank[image.layers[-1].domain.ravel()] = OUTPUT_RANK

    def see(self, counts: Sequence[ByteArray], share: float = 1.0 / MEAN_BATCHES) -> None:
        """Take in the spikes of a batch, one (B, N) uint8 per layer, with weight `share`. A batch without the hidden
        layers' spikes tells nothing."""
        if len(counts) == len(self._image.layers):
            self.rank += share * (_domain_rank(self._image, counts) - self.rank)


def _domain_rank(image: Image, counts: Sequence[ByteArray]) -> FloatArray:
    """(n_codes,): largest share of samples in which a neuron of the domain spiked, 0..1, and OUTPUT_RANK more for the
    last layer; neurons that would spike without drive rank as if they always spiked."""
    rank = np.zeros(image.n_codes, np.float64)
    for layer, spikes in zip(image.layers, counts, strict=True):
        share = np.where(layer.threshold_q8 <= 0, 1.0, (spikes > 0).mean(axis=0))
        share = share + (OUTPUT_RANK if layer is image.layers[-1] else 0.0)
        for part in range(2):
            np.maximum.at(rank, layer.domain[:, part], share)
    return rank
