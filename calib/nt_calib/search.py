"""Noisy bisection: where does a response that rises (or falls) with a code cross one half, for many channels at once.

Each channel holds a posterior over its crossing; the next code is the posterior's median, where a read tells most
(Horstein 1963, probabilistic bisection, with a probit response instead of a fixed error rate). Knows neither chips
nor links.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_calib.normal import ndtr

FloatArray = NDArray[np.float64]
N_CODES = 256
LAPSE = 1e-3


class NoisyBisection:
    """`channels` searches side by side over codes 0..255.

    A crossing of x means: the response is above one half at codes >= x (below it where `falling`); 0 and 256 are "at
    all codes" and "at none".
    """

    def __init__(self, channels: int, width_code: float, falling: NDArray[np.bool_] | None = None) -> None:
        """
        Args:
            width_code: standard deviation of the noise, in codes; too large costs reads, too small accuracy.
            falling: (channels,) bool; None: all rise.
        """
        distance = np.arange(N_CODES)[:, None] - np.arange(N_CODES + 1)[None, :] + 0.5
        above = LAPSE + (1 - 2 * LAPSE) * ndtr(distance / width_code)
        self._log_above, self._log_below = np.log(above), np.log1p(-above)
        self._falling = np.zeros(channels, bool) if falling is None else falling
        self._log_posterior = np.zeros((channels, N_CODES + 1))

    def _posterior(self) -> FloatArray:
        weight = np.exp(self._log_posterior - self._log_posterior.max(axis=1, keepdims=True))
        return weight / weight.sum(axis=1, keepdims=True)

    def next_codes(self) -> NDArray[np.uint8]:
        """Code to read next, (channels,) uint8."""
        median = (np.cumsum(self._posterior(), axis=1) < 0.5).sum(axis=1)
        return np.clip(median, 0, N_CODES - 1).astype(np.uint8)

    def update(self, codes: NDArray[np.uint8], spikes: NDArray[np.int64], reads: int) -> None:
        """Learn that `spikes` (channels,) of `reads` reads at `codes` (channels,) uint8 were spikes."""
        above = np.where(self._falling, reads - spikes, spikes)[:, None]
        self._log_posterior += above * self._log_above[codes] + (reads - above) * self._log_below[codes]

    def crossing(self) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the crossing, codes, both (channels,); code x - 0.5 is where it crosses."""
        weight, code = self._posterior(), np.arange(N_CODES + 1)
        mean = weight @ code
        return mean, np.sqrt(np.maximum(weight @ code**2 - mean**2, 0.0))
