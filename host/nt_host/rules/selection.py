"""Never end worse than you began: labels held out from learning judge the codes.

Every so often, and first of all at the starting codes, the held-out samples are presented and the codes are kept if
they do better. The starting codes give way to a clear winner only. Among learnt codes a tie goes to the later ones:
they have seen more, and a few held-out labels cannot tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray
from nt_model.errors import UsageError

LEAST_PER_CLASS = 4
"""Classes with fewer labels than this give none away: learning needs them more."""


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the labelled samples to learn from and of those to judge by, both sorted int64."""

    learn: NDArray[np.int64]
    judge: NDArray[np.int64]


def split_labels(labels: NDArray[np.integer], share: float, seed: int) -> Split:
    """Hold out ``share`` (0 <= share < 1) of every class of ``labels`` (S,), rounded down, at random by ``seed``.

    Classes with fewer than 4 labels are left whole. UsageError for a share outside its range.
    """
    if not 0 <= share < 1:
        raise UsageError("the held-out share must be in 0 <= share < 1", evidence=f"{share!r}")
    rng = np.random.default_rng(seed)
    judged = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) >= LEAST_PER_CLASS:
            judged[members[: int(share * len(members))]] = True
    return Split(np.flatnonzero(~judged).astype(np.int64), np.flatnonzero(judged).astype(np.int64))


class BestCodes:
    """The best codes seen so far, by argmax accuracy on the held-out samples, then by strict accuracy.

    Args:
        codes: (n_codes,) uint8, codes at the start.
        argmax: accuracy of the starting codes on the held-out samples, 0..1.
        strict: the same, strict.
    """

    def __init__(self, codes: ByteArray, argmax: float, strict: float) -> None:
        self._codes = codes.copy()
        self._score = (argmax, strict)
        self._is_start = True

    @property
    def codes(self) -> ByteArray:
        """A copy of the best codes, (n_codes,) uint8."""
        kept: ByteArray = self._codes.copy()
        return kept

    @property
    def is_start(self) -> bool:
        """Whether nothing has beaten the starting codes yet."""
        return self._is_start

    @property
    def score(self) -> tuple[float, float]:
        """(argmax, strict) of the best codes on the held-out samples."""
        return self._score

    def offer(self, codes: ByteArray, argmax: float, strict: float) -> bool:
        """Judge other codes; True where they are now the best."""
        score = (argmax, strict)
        better = score > self._score or (score == self._score and not self._is_start)
        if better:
            self._codes, self._score, self._is_start = codes.copy(), score, False
        return better
