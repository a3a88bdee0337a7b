"""A power budget holds after every write; silent neurons can be parked without a change of what is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_hil.chip import Capability, Chip, Readout
from nt_hil.client import ChipClient
from nt_hil.links.in_process import InProcessLink
from nt_hil.open import DEFAULT_ENGINE, make_device, open_chip
from nt_hil.port import SimPort
from nt_hil.session import Session
from nt_hil.sim.codes import CodeLimits
from nt_hil.sim.device import Device
from nt_hil.sim.simchip import SimOptions
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.evaluate import encoded, evaluate_with_activity
from nt_host.images import packaged_image
from nt_host.move_codes import move_codes
from nt_host.power.budget import BudgetedChip, ChipProxy, PowerBudget
from nt_host.power.silent import ActivityWatch, parked_codes, silent_domains
from nt_host.tasks import Split, load_task, split_target
from nt_model.array import run
from nt_model.energy import standing_power
from nt_model.errors import SafetyError, UsageError
from nt_model.image import Image
from nt_model.image_file import LoadedImage, read_image
from nt_model.operating import ideal_operating
from tests.host.conftest import RunCli, small_image
from tests.model.strategies import make_image

BUDGET_UW = 1950.0
SHORT = AdaptSettings(steps=15, judge_every=5, power_budget_uw=BUDGET_UW)
SMALL = small_image()


class Recorder(ChipProxy):
    """Keeps the standing power after every write that the device itself applied, those within one exchange included.

    For a device of engine `numpy`, which applies each write by itself; one of engine `c` serves several in one call.
    """

    def __init__(self, device: Device, image: Image) -> None:
        super().__init__(ChipClient(Session(InProcessLink(device))))
        self.powers_uw: list[float] = []
        bank = device.chip.bank
        applied = bank.moved

        def moved() -> int:
            self.powers_uw.append(standing_power(image, bank.codes).total_uw)
            return applied()

        bank.moved = moved  # type: ignore[method-assign]


def device_with(
    loaded: LoadedImage, options: SimOptions, corner: str = "typical", engine: str = DEFAULT_ENGINE
) -> Device:
    return make_device(loaded, SimPort(corner, 7), engine=engine, options=options)


def chip_with(loaded: LoadedImage, options: SimOptions, corner: str = "typical") -> ChipClient:
    return ChipClient(Session(InProcessLink(device_with(loaded, options, corner))))


@pytest.fixture(scope="module")
def digits() -> LoadedImage:
    return read_image(packaged_image("digits"))


@pytest.fixture(scope="module")
def split() -> Split:
    return split_target(load_task("digits", None).target("camera"), 8, 0)


def adapted(chip: Chip, image: Image, split: Split, chosen: AdaptSettings) -> np.ndarray:
    return adapt(chip, image, encoded(image, split.labelled), split.labelled.labels, chosen).codes


@pytest.mark.parametrize("slew", [255, 7])
def test_no_write_of_a_run_leaves_the_budget(slew: int, digits: LoadedImage, split: Split) -> None:
    options = SimOptions(CodeLimits(0, 255, slew))
    chip = Recorder(device_with(digits, options, engine="numpy"), digits.image)
    codes = adapted(chip, digits.image, split, SHORT)
    inside = next(i for i, power in enumerate(chip.powers_uw) if power <= BUDGET_UW)
    assert all(a > b for a, b in zip(chip.powers_uw[:inside], chip.powers_uw[1 : inside + 1], strict=False))
    assert max(chip.powers_uw[inside:]) <= BUDGET_UW
    assert len(chip.powers_uw) - inside > 15
    np.testing.assert_array_equal(codes, chip.read_codes()[0])
    np.testing.assert_array_equal(codes, adapted(chip_with(digits, options), digits.image, split, SHORT))


def test_the_same_run_without_a_budget_leaves_it(digits: LoadedImage, split: Split) -> None:
    chip = Recorder(device_with(digits, SimOptions(), engine="numpy"), digits.image)
    adapted(chip, digits.image, split, AdaptSettings(steps=15, judge_every=5))
    assert max(chip.powers_uw) > BUDGET_UW


def codes_of(image: Image) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.integers(0, 255), min_size=image.n_codes, max_size=image.n_codes).map(
        lambda values: np.array(values, np.uint8)
    )


@given(codes_of(SMALL), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_limited_codes_are_allowed_and_never_higher(codes: np.ndarray, share: float, seed: int) -> None:
    lowest, highest = (standing_power(SMALL, np.full(SMALL.n_codes, code, np.uint8)).total_uw for code in (0, 255))
    budget = PowerBudget(SMALL, lowest + share * (highest - lowest) + 1e-9)
    rank = np.random.default_rng(seed).random(SMALL.n_codes)
    found = budget.limited(codes, rank)
    assert budget.allows(found)
    assert (found <= codes).all()
    changed = found != codes
    if budget.allows(codes):
        assert not changed.any()
    elif changed.any() and not changed.all():
        assert rank[changed].max() <= rank[~changed & (codes > 0)].min(initial=2)


@settings(deadline=None, max_examples=30)
@given(codes_of(SMALL), codes_of(SMALL), st.integers(1, 60), st.floats(0.2, 0.9))
def test_the_way_between_two_allowed_codes_is_allowed(
    start: np.ndarray, goal: np.ndarray, slew: int, share: float
) -> None:
    lowest, highest = (standing_power(SMALL, np.full(SMALL.n_codes, code, np.uint8)).total_uw for code in (0, 255))
    budget = PowerBudget(SMALL, lowest + share * (highest - lowest))
    rank = np.arange(SMALL.n_codes, dtype=np.float64)
    start, goal = budget.limited(start, rank), budget.limited(goal, rank)
    loaded = LoadedImage(SMALL, "0" * 64)
    recorder = Recorder(device_with(loaded, SimOptions(CodeLimits(0, 255, slew))), SMALL)
    move_codes(recorder, start)
    recorder.powers_uw.clear()
    bounded = BudgetedChip(recorder, budget, ActivityWatch(SMALL))
    move_codes(bounded, goal)
    np.testing.assert_array_equal(recorder.read_codes()[0], goal)
    assert all(power <= budget.limit_uw for power in recorder.powers_uw)


def test_a_direct_way_would_leave_the_budget() -> None:
    """Negative control: codes that rise where the gain law is steep, while others still fall where it is flat."""
    loaded = LoadedImage(SMALL, "0" * 64)
    half = np.arange(SMALL.n_codes) % 2 == 0
    start, goal = np.where(half, 100, 200).astype(np.uint8), np.where(half, 0, 235).astype(np.uint8)
    limit_uw = standing_power(SMALL, start).total_uw + 0.01
    assert standing_power(SMALL, goal).total_uw < limit_uw
    highest_uw = []
    for is_bounded in (False, True):
        recorder = Recorder(device_with(loaded, SimOptions(CodeLimits(0, 255, 10))), SMALL)
        move_codes(recorder, start)
        recorder.powers_uw.clear()
        chip: Chip = recorder
        if is_bounded:
            chip = BudgetedChip(recorder, PowerBudget(SMALL, limit_uw), ActivityWatch(SMALL))
        move_codes(chip, goal)
        highest_uw.append(max(recorder.powers_uw))
    assert highest_uw[0] > limit_uw >= highest_uw[1]


def test_a_write_above_the_budget_is_refused_and_changes_nothing(digits: LoadedImage) -> None:
    chip = open_chip("sim:quiet", digits)
    bounded = BudgetedChip(chip, PowerBudget(digits.image, BUDGET_UW), ActivityWatch(digits.image))
    low = np.zeros(digits.image.n_codes, np.uint8)
    bounded.write_codes(low)
    with pytest.raises(SafetyError, match="power budget"):
        bounded.write_codes(np.full(digits.image.n_codes, 200, np.uint8))
    np.testing.assert_array_equal(chip.read_codes()[0], low)


def test_a_budget_that_no_codes_meet_is_refused_with_the_least_one(digits_image: Path, cli: RunCli) -> None:
    chip = ("adapt", "--port", "sim:quiet", "--image", digits_image, "--task", "digits", "--steps", "5")
    done = cli(*chip, "--power-budget", "100")
    assert done.returncode == 2
    assert "--power-budget` of at least 1694" in done.stderr
    done = cli(*chip, "--power-budget", "1900", "--loop", "device", "--held-out", "0")
    assert done.returncode == 2
    assert "--loop host" in done.stderr
    assert cli(*chip, "--power-budget", "nan").returncode == 2


def test_silent_domains_are_found_and_thresholds_at_zero_never_parked() -> None:
    image = make_image(4, (5, 6, 3))
    counts = [np.zeros((2, layer.n_neurons), np.uint8) for layer in image.layers]
    counts[0][1, 2] = 1
    silent = silent_domains(image, counts)
    assert not silent[image.layers[0].domain[2]].any()
    for layer in image.layers:
        assert not silent[layer.domain[layer.threshold_q8 <= 0].ravel()].any()
    codes = np.full(image.n_codes, 99, np.uint8)
    assert (parked_codes(codes, silent, 10) == np.where(silent, 10, 99)).all()
    assert (parked_codes(np.full(image.n_codes, 3, np.uint8), silent, 10) == 3).all()


@pytest.mark.parametrize("seed", range(5))
def test_parking_silent_domains_changes_no_spike_on_the_same_samples(seed: int) -> None:
    image = make_image(seed, (8, 12, 6))
    x = np.random.default_rng(seed).integers(0, 4, (20, 2, 8)).astype(np.uint8)
    codes = np.full(image.n_codes, 128, np.uint8)
    before = [response.counts for response in run(image, ideal_operating(image, codes), x)]
    parked = parked_codes(codes, silent_domains(image, before), 0)
    after = [response.counts for response in run(image, ideal_operating(image, parked), x)]
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)


def test_park_silent_parks_and_keeps_the_labelled_answers(digits: LoadedImage, split: Split) -> None:
    chip = chip_with(digits, SimOptions(), "ideal")
    chosen = AdaptSettings(steps=15, judge_every=5, park_silent=True)
    x = encoded(digits.image, split.labelled)
    plain = adapt(chip_with(digits, SimOptions(), "ideal"), digits.image, x, split.labelled.labels, SHORT_FREE)
    result = adapt(chip, digits.image, x, split.labelled.labels, chosen)
    assert result.parked > 0
    assert (result.codes != plain.codes).sum() == result.parked
    assert (result.codes[result.codes != plain.codes] == 0).all()
    other = chip_with(digits, SimOptions(), "ideal")
    other.write_codes(plain.codes)
    np.testing.assert_array_equal(chip.present(x, Readout()).plain[-1], other.present(x, Readout()).plain[-1])


SHORT_FREE = AdaptSettings(steps=15, judge_every=5)


def test_a_chip_that_hides_its_spikes_can_neither_park_nor_be_estimated(digits: LoadedImage, split: Split) -> None:
    few = Capability.DITHER | Capability.MEMBRANE
    chip = chip_with(digits, SimOptions(capabilities=few))
    with pytest.raises(UsageError, match="hidden spikes"):
        adapted(chip, digits.image, split, AdaptSettings(park_silent=True))
    _, activity = evaluate_with_activity(chip, digits.image, encoded(digits.image, split.test), split.test.labels)
    assert activity is None
