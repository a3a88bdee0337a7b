"""The folded network in plain NumPy: forward pass at nominal gains and the two accuracies.

It serves to judge a training run before an image exists; the golden model is ``nt_model``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nt_host.pretrain.spec import TrainedLayer

ONE_Q8 = 256


def forward(layers: Sequence[TrainedLayer], events: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Output spikes (S, N) uint8 of one time step for ``events`` (S, M) uint8, every gain at 1.

    Sums run in float64, which holds them exactly: |I| stays far below 2**53.
    """
    spikes = events
    for layer in layers:
        current = spikes.astype(np.float64) @ layer.weight.T.astype(np.float64) + layer.bias
        spikes = (current * ONE_Q8 >= layer.threshold_q8).astype(np.uint8)
    return spikes


def accuracies(
    spikes: NDArray[np.uint8], labels: NDArray[np.integer], class_count: int, population: int
) -> tuple[float, float]:
    """Return (argmax, strict) accuracy of output spikes (S, class_count * population).

    Argmax: the class with most spikes, the lower one on a tie. Strict: a class *fires* when at least half of its
    population spikes, and exactly the right class must fire; with one neuron per class this is the paper's metric.
    """
    scores = spikes.reshape(len(spikes), class_count, population).sum(axis=2, dtype=np.int64)
    argmax = scores.argmax(axis=1) == labels
    fires = 2 * scores >= population
    strict = (fires.sum(axis=1) == 1) & fires[np.arange(len(labels)), labels]
    return float(argmax.mean()), float(strict.mean())
