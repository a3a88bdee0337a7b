"""The delay line that closes the recurrent connection outside the array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.systems.elman.spec import TOP_LEVEL
from nt_model.errors import UsageError

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


class DelayLine:
    """Spike counts of the hidden layer on their way back to the chip's inputs, one line per question.

    The array is feed-forward inside a step, so the delay is one presentation: 15 time steps. A chip reports how often
    a neuron spiked in a presentation and not when, so what comes out are counts, which the image's encoder spreads
    evenly over the next presentation. A line holds 4 bits per neuron; before the first word it holds zeros.

    Args:
        n_questions, n_neurons: lines and their width.
        connected: False cuts every line: it takes counts and gives zeros (negative control).
    """

    def __init__(self, n_questions: int, n_neurons: int, *, connected: bool = True) -> None:
        self._held = np.zeros((n_questions, n_neurons), np.uint8)
        self._connected = connected

    def put(self, rows: Int64Array, counts: ByteArray) -> None:
        """Take the counts (len(rows), N) of the presentation that just ended; UsageError for a count above 15."""
        if counts.max(initial=0) > TOP_LEVEL:
            raise UsageError(
                "a spike count does not fit the delay line",
                evidence=f"{int(counts.max())} spikes, 4 bits per neuron",
                next_step="present each word for 15 steps",
            )
        if self._connected:
            self._held[rows] = counts

    def out(self, rows: Int64Array) -> ByteArray:
        """Counts (len(rows), N) of the presentation before."""
        return self._held[rows]
