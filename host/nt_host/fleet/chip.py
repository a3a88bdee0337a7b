"""What is done with one chip of many: a pure function from the die's seed to accuracies."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nt_calib.calibrate import calibrate
from nt_calib.options import Options
from nt_hil.chip import Chip
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.evaluate import evaluate_events
from nt_host.fleet.simulated import simulated_chip
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_model.corner import Corner
from nt_model.image_file import LoadedImage

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]

UNTOUCHED, ADAPTED, LOADED = "untouched", "adapted", "loaded"
CALIBRATED, BOTH, CALIBRATED_LOADED = "calibrated", "calibrated and adapted", "calibrated and loaded"
STATES = (UNTOUCHED, ADAPTED, LOADED, CALIBRATED, BOTH, CALIBRATED_LOADED)
NEEDS_CALIBRATION = frozenset((CALIBRATED, BOTH, CALIBRATED_LOADED))


@dataclass(frozen=True, eq=False)
class Samples:
    """Events (n, M) or (n, T, M) uint8 and labels (n,) int64."""

    events: ByteArray
    labels: Int64Array


@dataclass(frozen=True, eq=False)
class Setup:
    """What all chips of a run share.

    Attributes:
        loaded: the image in their ROM.
        test: samples that accuracies are measured on.
        labelled: samples to adapt with; None where no state asks for it.
        codes: (n_codes,) uint8 by state, for the states `loaded` and `calibrated and loaded`.
        settings: of the adaptation; its seed is replaced by the chip's.
        options: of the calibration.
        engine: engine of the chips.
    """

    loaded: LoadedImage
    test: Samples
    labelled: Samples | None = None
    codes: Mapping[str, ByteArray] = field(default_factory=dict)
    settings: AdaptSettings = field(default_factory=AdaptSettings)
    options: Options = field(default_factory=Options)
    engine: str = "c"


@dataclass(frozen=True)
class ChipTask:
    """One chip: the `setup` by name, its die (`corner`, `seed`), the `states` to measure, see STATES, and whether the
    codes that an adaptation ends with are wanted."""

    setup: str
    corner: Corner
    seed: int
    states: tuple[str, ...] = (UNTOUCHED,)
    keep_codes: bool = False


@dataclass(frozen=True)
class ChipOutcome:
    """Of one chip; plain values, so that it can be kept as JSON.

    Attributes:
        setup, corner, seed: as asked, the corner by name.
        accuracies: fields of `Accuracy` by state.
        neurons, calibrated: of the chip, and how many of them the calibration vouches for (0 where it did not run).
        codes: codes after adaptation by state, where they were asked for.
    """

    setup: str
    corner: str
    seed: int
    accuracies: dict[str, dict[str, float]]
    neurons: int
    calibrated: int
    codes: dict[str, list[int]] = field(default_factory=dict)

    def accuracy(self, state: str) -> Accuracy:
        """Accuracy in `state`; KeyError where it was not asked for."""
        found = self.accuracies[state]
        return Accuracy(found["argmax"], found["strict"], found["margin"], int(found["n"]))


def run_chip(setups: Mapping[str, Setup], task: ChipTask) -> ChipOutcome:
    """Draw the chip, bring it into each state in turn and measure its accuracy there.

    The same arguments give the same outcome wherever it runs: chips come fresh from the die for the uncalibrated and
    for the calibrated states, and their noise is a function of the seed.
    """
    setup = setups[task.setup]
    accuracies: dict[str, Accuracy] = {}
    codes: dict[str, list[int]] = {}
    calibrated = 0
    for corrected in (False, True):
        states = [state for state in STATES if state in task.states and (state in NEEDS_CALIBRATION) == corrected]
        if not states:
            continue
        client, _ = simulated_chip(setup.loaded, task.corner, task.seed, setup.engine)
        with closing(client) as chip:
            if corrected:
                found = calibrate(chip, setup.loaded.image, setup.loaded.digest, setup.options)
                calibrated = sum(int(layer.success.sum()) for layer in found.layers)
            start = chip.read_codes()[0]
            for state in states:
                _bring(chip, setup, state, start, task.seed)
                accuracies[state] = evaluate_events(chip, setup.loaded.image, setup.test.events, setup.test.labels)
                if task.keep_codes and state in (ADAPTED, BOTH):
                    codes[state] = chip.read_codes()[0].tolist()
    neurons = sum(layer.n_neurons for layer in setup.loaded.image.layers)
    tables = {state: asdict(accuracies[state]) for state in task.states}
    return ChipOutcome(task.setup, task.corner.name, task.seed, tables, neurons, calibrated, codes)


def _bring(chip: Chip, setup: Setup, state: str, start: ByteArray, seed: int) -> None:
    """Bring `chip` from whatever codes it has into `state`."""
    if state in (ADAPTED, BOTH):
        if setup.labelled is None:
            raise ValueError(f"state '{state}' needs labelled samples")
        move_codes(chip, start)
        settings = replace(setup.settings, seed=seed)
        adapt(chip, setup.loaded.image, setup.labelled.events, setup.labelled.labels, settings)
    else:
        move_codes(chip, setup.codes[state] if state in (LOADED, CALIBRATED_LOADED) else start)
