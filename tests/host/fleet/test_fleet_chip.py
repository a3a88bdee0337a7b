"""One chip of many: a pure function of its die, and what calibration and loaded codes do to it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from nt_calib.options import Options
from nt_host.adapt.settings import AdaptSettings
from nt_host.fleet.chip import (
    ADAPTED,
    BOTH,
    CALIBRATED,
    CALIBRATED_LOADED,
    LOADED,
    STATES,
    UNTOUCHED,
    ChipOutcome,
    ChipTask,
    Samples,
    Setup,
    run_chip,
)
from nt_model.corner import Corner, corner_named, spread_corner
from nt_model.image_file import LoadedImage

QUICK = Options(search_patterns=4, search_rounds=6, refine_patterns=12, refine_repeats=16, check_patterns=2)
RNG = np.random.default_rng(5)
SAMPLES = Samples(RNG.integers(0, 9, (60, 12)).astype(np.uint8), np.tile(np.arange(3), 20))


def setup_of(loaded: LoadedImage, code: int = 128) -> Setup:
    codes = np.full(loaded.image.n_codes, code, np.uint8)
    return Setup(
        loaded,
        SAMPLES,
        SAMPLES,
        {LOADED: codes, CALIBRATED_LOADED: codes},
        AdaptSettings(steps=5, batch_size=6),
        QUICK,
    )


def test_the_same_die_gives_the_same_outcome_and_another_one_another(loaded: LoadedImage) -> None:
    setups = {"a": setup_of(loaded)}
    task = ChipTask("a", spread_corner("30 %", 30), 4, STATES, keep_codes=True)
    first = run_chip(setups, task)
    assert first == run_chip(setups, task)
    assert tuple(first.accuracies) == STATES
    assert set(first.codes) == {ADAPTED, BOTH}
    assert ChipOutcome(**json.loads(json.dumps(dataclasses.asdict(first)))) == first
    other = run_chip(setups, dataclasses.replace(task, seed=5))
    assert other.accuracies != first.accuracies


def test_states_alone_give_what_they_give_together(loaded: LoadedImage) -> None:
    setups = {"a": setup_of(loaded, 160)}
    quiet = dataclasses.replace(spread_corner("20 %", 20), noise_ppm=0)
    together = run_chip(setups, ChipTask("a", quiet, 1, STATES))
    for state in (LOADED, CALIBRATED, BOTH):
        assert run_chip(setups, ChipTask("a", quiet, 1, (state,))).accuracies[state] == together.accuracies[state]


def test_loaded_codes_are_in_force_and_nominal_ones_change_nothing(loaded: LoadedImage) -> None:
    ideal = Corner("ideal")
    nominal = run_chip({"a": setup_of(loaded)}, ChipTask("a", ideal, 0, STATES))
    assert nominal.accuracies[LOADED] == nominal.accuracies[UNTOUCHED] == nominal.accuracies[CALIBRATED]
    moved = run_chip({"a": setup_of(loaded, 10)}, ChipTask("a", ideal, 0, STATES))
    assert moved.accuracies[LOADED] != moved.accuracies[UNTOUCHED]


def test_only_calibration_counts_calibrated_neurons(loaded: LoadedImage) -> None:
    setups = {"a": setup_of(loaded)}
    corner = corner_named("typical")
    assert run_chip(setups, ChipTask("a", corner, 0)).calibrated == 0
    found = run_chip(setups, ChipTask("a", corner, 0, (CALIBRATED,)))
    assert 0 < found.calibrated <= found.neurons == 18
    with pytest.raises(ValueError, match="labelled"):
        run_chip({"a": dataclasses.replace(setups["a"], labelled=None)}, ChipTask("a", corner, 0, (ADAPTED,)))
