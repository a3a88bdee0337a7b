"""What is measured of the Elman network: every form of it on the same test, by way of reading and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nt_calib.calibrate import calibrate
from nt_hil.chip import Chip
from nt_host.fleet.simulated import simulated_chip
from nt_host.systems.elman.constrained import ElmanNetwork, digital_scores
from nt_host.systems.elman.spec import ElmanSpec
from nt_host.systems.elman.spiking import spiking_scores
from nt_host.systems.elman.words import Vocabulary, WordRows
from nt_host.tasks.trec import Questions
from nt_host.train_image import require_torch
from nt_model.corner import corner_named
from nt_model.image_file import LoadedImage, image_bytes, parse_image

if TYPE_CHECKING:
    from nt_host.systems.elman.training import TrainedElman

OnProgress = Callable[[int, int, str], None]

FLOAT = "float"
ROUNDED = "rounded, digital"
ROUNDED_ARRAY = "rounded, on the ideal array"
CONSTRAINED = "constrained, digital"
CONSTRAINED_ARRAY = "constrained, on the ideal array"
MATCHED = "matched to the array, digital"
MATCHED_ARRAY = "matched to the array, on the ideal array"
CUT = "matched to the array, on the ideal array, delay line cut"
NOT_RECURRENT = "trained without recurrence and matched, on the ideal array"
CORNERS = ("typical", "wild", "worn")
"""Corners whose chips the matched network runs on, codes at 128: 10, 20 and 30 % spread of gains."""


CALIBRATED_CORNERS = ("wild", "worn")
"""Corners whose chips run once more after calibration."""


def at_corner(corner: str, *, calibrated: bool = False) -> str:
    """Name of the form that runs on chips of `corner`."""
    return f"matched to the array, on {corner} chips{', calibrated' if calibrated else ''}"


FORMS = (
    FLOAT,
    ROUNDED,
    CONSTRAINED,
    ROUNDED_ARRAY,
    CONSTRAINED_ARRAY,
    MATCHED_ARRAY,
    MATCHED,
    CUT,
    NOT_RECURRENT,
    *(at_corner(corner) for corner in CORNERS),
    *(at_corner(corner, calibrated=True) for corner in CALIBRATED_CORNERS),
)


@dataclass(frozen=True)
class Outcome:
    """Share of the test questions answered right, 0..1, of one form of one trained network; `chip` is the seed of a
    mismatched chip, 0 elsewhere."""

    last_state: bool
    seed: int
    form: str
    chip: int
    accuracy: float


@dataclass(frozen=True, eq=False)
class _Test:
    spec: ElmanSpec
    rows: WordRows
    labels: NDArray[np.int64]

    def outcome(self, form: str, scores: NDArray[Any], chip: int = 0) -> Outcome:
        right = float((scores.argmax(axis=1) == self.labels).mean())
        return Outcome(self.spec.last_state, self.spec.seed, form, chip, right)

    def digital(self, form: str, network: ElmanNetwork) -> Outcome:
        return self.outcome(form, digital_scores(network, self.rows, last_state=self.spec.last_state))

    def on_ideal(self, form: str, network: ElmanNetwork, *, connected: bool = True) -> Outcome:
        loaded = parse_image(image_bytes(network.image()))
        with closing(simulated_chip(loaded, corner_named("ideal"), 0)[0]) as chip:
            return self.outcome(form, self._scores(chip, loaded, network, connected=connected))

    def on_mismatched(self, network: ElmanNetwork, corner: str, chip_seed: int) -> list[Outcome]:
        """The chip as it comes, and calibrated where `corner` asks for that."""
        loaded = parse_image(image_bytes(network.image()))
        with closing(simulated_chip(loaded, corner_named(corner), chip_seed)[0]) as chip:
            found = [self.outcome(at_corner(corner), self._scores(chip, loaded, network), chip_seed)]
            if corner in CALIBRATED_CORNERS:
                calibrate(chip, loaded.image, loaded.digest)
                scores = self._scores(chip, loaded, network)
                found.append(self.outcome(at_corner(corner, calibrated=True), scores, chip_seed))
        return found

    def _scores(
        self, chip: Chip, loaded: LoadedImage, network: ElmanNetwork, *, connected: bool = True
    ) -> NDArray[np.int64]:
        last_state = self.spec.last_state
        return spiking_scores(chip, loaded.image, network, self.rows, last_state=last_state, connected=connected)


def _trained(spec: ElmanSpec, train: Questions, test: Questions) -> tuple[TrainedElman, _Test]:
    # Imported where it is used: only here is PyTorch needed.
    from nt_host.systems.elman.training import train_elman

    vocabulary = Vocabulary.of(train.words, spec.min_uses, spec.max_words, backwards=spec.last_state)
    rows = vocabulary.rows(test.words)
    trained = train_elman(
        spec, vocabulary.rows(train.words), train.labels, rows, len(vocabulary), len(train.class_names)
    )
    return trained, _Test(spec, rows, test.labels)


def run_network(spec: ElmanSpec, train: Questions, test: Questions, chips: int) -> list[Outcome]:
    """Train the network of `spec` and run all its forms, on `chips` chips of every corner of CORNERS."""
    trained, held = _trained(spec, train, test)
    mismatched = [
        outcome
        for corner in CORNERS
        for chip in range(chips)
        for outcome in held.on_mismatched(trained.spiking, corner, 1000 * spec.seed + chip)
    ]
    return [
        held.outcome(FLOAT, trained.float_scores),
        held.digital(ROUNDED, trained.rounded),
        held.digital(CONSTRAINED, trained.constrained),
        held.on_ideal(ROUNDED_ARRAY, trained.rounded),
        held.on_ideal(CONSTRAINED_ARRAY, trained.constrained),
        held.on_ideal(MATCHED_ARRAY, trained.spiking),
        held.digital(MATCHED, trained.spiking),
        held.on_ideal(CUT, trained.spiking, connected=False),
        *mismatched,
    ]


def run_not_recurrent(spec: ElmanSpec, train: Questions, test: Questions) -> Outcome:
    """The network of `spec` trained without any recurrent synapse, on the ideal array (negative control)."""
    trained, held = _trained(replace(spec, recurrent_fan_in=0), train, test)
    return held.on_ideal(NOT_RECURRENT, trained.spiking)


def run_networks(
    spec: ElmanSpec,
    train: Questions,
    test: Questions,
    seeds: Sequence[int],
    chips: int,
    on_progress: OnProgress = lambda done, total, note: None,
) -> list[Outcome]:
    """`run_network` for every seed and both ways of reading, and for the reading of all words the network without
    recurrence (the last state of one would have seen a single word). EnvironmentMissingError where PyTorch is not
    installed."""
    require_torch()
    jobs = [(seed, last_state) for seed in seeds for last_state in (False, True)]
    outcomes: list[Outcome] = []
    for done, (seed, last_state) in enumerate(jobs):
        on_progress(done, len(jobs), f"seed {seed}, {'last state' if last_state else 'all words'}")
        outcomes += run_network(replace(spec, seed=seed, last_state=last_state), train, test, chips)
        if not last_state:
            outcomes.append(run_not_recurrent(replace(spec, seed=seed), train, test))
    return outcomes


def values(outcomes: Sequence[Outcome], form: str, *, last_state: bool) -> list[float]:
    """Accuracies 0..1 of `form`, one per network and chip."""
    return [each.accuracy for each in outcomes if (each.form, each.last_state) == (form, last_state)]


def mean_of(outcomes: Sequence[Outcome], form: str, *, last_state: bool) -> float:
    """Mean accuracy 0..1 of `form` over networks and chips."""
    return float(np.mean(values(outcomes, form, last_state=last_state)))
