"""Choose among stored code vectors by trying each on the chip with the labelled samples; nothing is learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip
from nt_host.evaluate import evaluate_events
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_model.errors import LinkError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
PRESENT = "codes on the chip"
"""Name of the candidate that is there already: it is tried first, so that a tie changes nothing."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Codes (n_codes,) uint8 that were learned before, under a name."""

    name: str
    codes: ByteArray


@dataclass(frozen=True, eq=False)
class Tried:
    """Accuracy of a candidate on the labelled samples."""

    stored: Stored
    seen: Accuracy


@dataclass(frozen=True, eq=False)
class Recall:
    """All candidates in the order in which they were tried, the codes on the chip first, and the one that the chip
    now holds."""

    tried: tuple[Tried, ...]
    chosen: Stored


def best_of(tried: Sequence[Tried]) -> Stored:
    """The candidate of the highest argmax accuracy; ties go to the higher strict one, then to the larger margin, then
    to the one tried earlier."""
    return max(tried, key=lambda each: (each.seen.argmax, each.seen.strict, each.seen.margin)).stored


def recall(
    chip: Chip,
    image: Image,
    x: ByteArray,
    labels: Int64Array,
    library: Sequence[Stored],
    on_candidate: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> Recall:
    """Load each vector of `library` into the chip, measure it on the labelled samples, and end with the best.

    Where a candidate cannot be tried the codes that were there before are brought back, unless the link itself failed.

    Args:
        x: (n, M) or (n, T, M) uint8 events of the labelled samples.
        labels: (n,) int64 classes.
        library: each (n_codes,) codes, in the units that are in force.
        on_candidate: called with (tried, candidates in all, name of the next).

    Raises:
        SafetyError: a code lies outside the chip's range; LinkError, DeviceError: as `Chip`.
    """
    before = Stored(PRESENT, chip.read_codes()[0].copy())
    candidates = (before, *library)
    tried: list[Tried] = []
    try:
        for candidate in candidates:
            on_candidate(len(tried), len(candidates), candidate.name)
            move_codes(chip, candidate.codes)
            tried.append(Tried(candidate, evaluate_events(chip, image, x, labels)))
        chosen = best_of(tried)
        move_codes(chip, chosen.codes)
    except BaseException as error:
        if not isinstance(error, LinkError):
            move_codes(chip, before.codes)
        raise
    return Recall(tuple(tried), chosen)
