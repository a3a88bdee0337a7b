"""Gain-only equilibrium propagation: each code moves by its own neuron's activity, nudged against free.

With a gain g_i on the drive of neuron i, s_i = rho(g_i u_i), the energy of `network` keeps its form but for its first
term, 1/2 s_i^2 / g_i in place of 1/2 s_i^2: at rest s_i / g_i = u_i. Equilibrium propagation moves every parameter by
the contrast of dE/dparameter between two phases, so

    d ln g_i = rate * (a_i^2 at +beta  -  a_i^2 at -beta) / (4 beta g_i),

the neuron's own activity and nothing else: no error is carried to it, no weight is read. The size of a code's step
comes from normalising with the neuron's own running mean of |G|, so factors that stay the same drop out:

    G_i = sum over the batch of  a_i^2 at +beta - a_i^2 at -beta,      code_i += rate * G_i / mean |G_i|.

The nudge reaches the hidden neurons as the output's pull would in the settling network: over the feedback synapses of
the ROM, by event counts s + beta (y - s) and s - beta (y - s) on the feedback lines, s being the output's own activity
of the free presentation. An output neuron's activity in a nudged phase is that same number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip
from nt_host.move_codes import move_from
from nt_host.systems.eqprop.array import ArrayNetwork, present, settled
from nt_host.systems.eqprop.digits import Digits
from nt_host.systems.eqprop.network import FloatArray

ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class LocalSettings:
    """Settings of the local rule.

    Attributes:
        steps, batch_size: updates, and labelled samples in each.
        beta: nudging strength on the feedback lines.
        rate_code: first rate in codes per normalised contrast; falls by equal factors to `end_share` of it.
        mean_share: weight of a new |G| in its running mean.
        max_move_code: largest move of a code in one update.
        presentations: of the free phase.
    """

    steps: int = 100
    batch_size: int = 50
    beta: float = 2.0
    rate_code: float = 4.0
    end_share: float = 0.05
    mean_share: float = 0.1
    max_move_code: int = 16
    presentations: int = 2


class LocalRule:
    """Codes with their remainders and running means, (n_codes,) each."""

    def __init__(self, codes: ByteArray, how: LocalSettings) -> None:
        self._how = how
        self._exact = codes.astype(np.float64)
        self._mean = np.zeros(len(codes))
        self._count = 0

    def update(self, contrast: NDArray[np.floating]) -> ByteArray:
        """New codes after one batch with contrast G (n_codes,); a neuron whose G is 0 stays."""
        how = self._how
        size = np.abs(contrast)
        grown = np.where(self._mean == 0, size, self._mean + how.mean_share * (size - self._mean))
        self._mean = np.where(size > 0, grown, self._mean)
        share = how.end_share ** min(self._count / max(1, how.steps - 1), 1.0)
        move = how.rate_code * share * contrast / np.maximum(self._mean, 1e-12)
        self._exact = np.clip(self._exact + np.clip(move, -how.max_move_code, how.max_move_code), 0, 255)
        self._count += 1
        return np.rint(self._exact).astype(np.uint8)


Phase = tuple[FloatArray, FloatArray]
"""Activities of the hidden (B, n_1) and the output (B, n_2) neurons in one phase."""


def contrast_of(pulled: Phase, pushed: Phase) -> FloatArray:
    """G of all neurons, (n_1 + n_2,), hidden ones first: squares of their own activity, summed over the batch."""
    return np.concatenate([(to**2 - away**2).sum(axis=0) for to, away in zip(pulled, pushed, strict=True)])


def nudged(
    chip: Chip, on_array: ArrayNetwork, x: FloatArray, free: FloatArray, target: FloatArray, beta: float
) -> Phase:
    """One nudged presentation: `free` (B, n_2) is the output's activity in the free phase, `target` (B, n_2) 0 or 1."""
    held = free + np.float32(beta) * (target - free)
    return present(chip, on_array, x, held).hidden, held


def adapt_locally(chip: Chip, on_array: ArrayNetwork, labelled: Digits, how: LocalSettings, seed: int) -> ByteArray:
    """Adapt the codes of `chip`, from those on it, to `labelled`; gives the codes, now on it."""
    rng = np.random.default_rng(seed)
    targets = np.eye(on_array.image.n_classes, dtype=np.float32)[labelled.labels]
    codes, _ = chip.read_codes()
    rule = LocalRule(codes, how)
    for _ in range(how.steps):
        rows = rng.choice(len(targets), min(how.batch_size, len(targets)), replace=False)
        x, target = labelled.x[rows], targets[rows]
        free = settled(chip, on_array, x, how.presentations)[-1].output
        pulled, pushed = (nudged(chip, on_array, x, free, target, beta) for beta in (how.beta, -how.beta))
        moved = rule.update(contrast_of(pulled, pushed))
        move_from(chip, codes, moved)
        codes = moved
    return codes
