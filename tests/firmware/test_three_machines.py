"""Two loops, one rule, three machines: golden model, C core of the extension and Cortex-M in QEMU, step by step.

After every step spikes at three points, membranes, codes and learning state are the same on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from nt_hil.chip import Dither, Readout
from nt_hil.client import ChipClient
from nt_hil.emulator import EmulatorLink
from nt_model.correction import Corrections
from nt_model.engine import Engine, make_engine
from nt_model.image import Image
from nt_model.image_file import image_bytes
from nt_model.learn import LearnSettings, LearnState, Spikes, dithered_codes
from nt_model.operating import Operating, ideal_operating
from tests.firmware.test_chip_on_boards import client
from tests.model.strategies import make_image

pytestmark = pytest.mark.emulator

Emulate = Callable[..., EmulatorLink]
SETTINGS = LearnSettings(hidden_dither_code=40, output_dither_code=24, rate_q8=1500)
SEED = 5


@dataclass(frozen=True)
class Job:
    """A network, how long to learn, and the samples of a step."""

    sizes: tuple[int, ...]
    steps: int
    batch: int
    split: bool = False
    time_steps: int = 1
    corrected: bool = False


JOBS = [
    pytest.param(Job((24, 18, 12, 6), 12, 8), id="small"),
    pytest.param(Job((24, 14, 6), 8, 8, split=True, time_steps=3), id="small, split supplies, three steps"),
    pytest.param(Job((24, 18, 12, 6), 8, 8, corrected=True), id="small, calibrated"),
    pytest.param(Job((784, 256, 128, 10), 12, 8), id="digits"),
]


@dataclass(frozen=True, eq=False)
class Setting:
    """One job on an emulated board, with its samples loaded, and both engines of the same image."""

    job: Job
    image: Image
    x: np.ndarray
    chip: ChipClient
    engines: tuple[Engine, Engine]
    corrections: Corrections

    def operating(self, codes: np.ndarray) -> Operating:
        """The array at calibrated `codes` (C,) uint8."""
        return ideal_operating(self.image, self.corrections.dac_codes(codes))

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Slots and labels (B,) of a step."""
        rng = np.random.default_rng((SEED, step))
        slots = rng.permutation(len(self.x))[: self.job.batch].astype(np.int64)
        return slots, slots % self.image.n_classes

    def held(self, slots: np.ndarray) -> np.ndarray:
        """Events (B, T, M) of the samples in `slots`: a chip holds a sample's events for all of its time steps."""
        return np.repeat(self.x[slots][:, None, :], self.image.n_steps, axis=1)


def lively_image(job: Job) -> Image:
    """4-bit weights, and thresholds that grow as the spread of a sum over the fan-in does: every layer spikes."""
    image = make_image(SEED, job.sizes, split=job.split, classes=min(10, job.sizes[-1]), steps=job.time_steps)
    layers = []
    for layer in image.layers:
        threshold = layer.threshold_q8 * np.sqrt(layer.weight.shape[1] / 40)
        layers.append(replace(layer, threshold_q8=threshold.astype(np.int32)))
    return replace(image, layers=tuple(layers))


def corrections_of(job: Job, domains: int) -> Corrections:
    """Those of a calibrated chip, of any shape; none at all otherwise."""
    if not job.corrected:
        return Corrections.none(domains)
    rng = np.random.default_rng(SEED)
    return Corrections(rng.integers(-300, 300, domains), rng.integers(-60, 60, domains), rng.integers(-20, 20, domains))


@pytest.fixture
def setting(request: pytest.FixtureRequest, emulate: Emulate) -> Setting:
    job: Job = request.param
    image = lively_image(job)
    chip = client(emulate("netduinoplus2", "nt-firmware", content=image_bytes(image)))
    count = min(16, chip.info.input_slots)
    x = (np.random.default_rng(SEED).random((count, image.n_inputs)) < 0.3).astype(np.uint8)
    chip.load_samples(x)
    corrections = corrections_of(job, image.n_codes)
    if job.corrected:
        chip.write_corrections(corrections)
    return Setting(job, image, x, chip, (make_engine("numpy", image), make_engine("c", image)), corrections)


def golden_spikes(setting: Setting, engine: Engine, codes: np.ndarray, x: np.ndarray) -> Spikes:
    plus, minus = (setting.operating(dithered_codes(setting.image, codes, SETTINGS, sign)) for sign in (1, -1))
    return engine.forward_dithered(setting.operating(codes), plus, minus, x, 0)


def assert_same_planes(a: Spikes, b: Spikes, where: str) -> None:
    for name in ("plain", "plus", "minus"):
        for layer, (left, right) in enumerate(zip(getattr(a, name), getattr(b, name), strict=True)):
            np.testing.assert_array_equal(left, right, err_msg=f"seed {SEED}, {where}, {name} of layer {layer}")


def compared_spikes(setting: Setting, codes: np.ndarray, slots: np.ndarray, step: int) -> Spikes:
    """What the board shows, after it was found equal to both engines: spikes at three points, and membranes."""
    readout = Readout(
        hidden=True, dither=Dither(SETTINGS.hidden_dither_code, SETTINGS.output_dither_code), membrane=True
    )
    shown = setting.chip.present_loaded(slots, readout)
    board = Spikes(shown.plain, shown.plus, shown.minus)
    held = setting.held(slots)
    for engine in setting.engines:
        assert_same_planes(board, golden_spikes(setting, engine, codes, held), f"step {step}, {engine.name}")
        forward = engine.forward(setting.operating(codes), held, 0)
        np.testing.assert_array_equal(
            shown.membrane_q8, forward.compared_q8[-1], err_msg=f"seed {SEED}, step {step}, {engine.name}"
        )
    return board


def same_state(states: Sequence[LearnState], step: int) -> None:
    first, *others = states
    for other in others:
        for name in ("codes", "accumulator_q8", "mean_q8"):
            np.testing.assert_array_equal(getattr(first, name), getattr(other, name), err_msg=f"step {step}, {name}")


def host_loop(setting: Setting) -> list[LearnState]:
    """The board shows spikes, golden model and C core each compute the step, and the codes are written."""
    states = [LearnState.at(setting.chip.read_codes()[0])] * 2
    history = []
    for step in range(setting.job.steps):
        slots, labels = setting.batch(step)
        spikes = compared_spikes(setting, states[0].codes, slots, step)
        states = [engine.learn(s, spikes, labels, SETTINGS) for engine, s in zip(setting.engines, states, strict=True)]
        same_state(states, step)
        setting.chip.write_codes(states[0].codes)
        history.append(states[0])
    return history


def device_loop(setting: Setting) -> list[LearnState]:
    """The firmware's own loop; after every step its step number, its state and what it shows are read."""
    setting.chip.learn_start(SETTINGS)
    begin = setting.chip.status().learning_step
    history = []
    for step in range(setting.job.steps):
        slots, labels = setting.batch(step)
        setting.chip.learn_loaded(slots, labels, SETTINGS.rate_q8)
        status = setting.chip.status()
        assert (status.learning, status.learning_step) == (True, begin + step + 1)
        history.append(LearnState(setting.chip.read_codes()[0], *setting.chip.learn_state()))
        compared_spikes(setting, history[-1].codes, slots, step)
    return history


@pytest.mark.parametrize("setting", JOBS, indirect=True)
def test_both_loops_walk_the_same_states_on_all_machines(setting: Setting) -> None:
    start = setting.chip.read_codes()[0]
    by_host = host_loop(setting)
    moved = int(np.count_nonzero(by_host[-1].codes != start))
    assert moved > start.size // 4, "a test in which few codes move shows little"
    assert by_host[-1].accumulator_q8.any()
    assert by_host[-1].mean_q8.any()
    setting.chip.reset()
    np.testing.assert_array_equal(setting.chip.read_codes()[0], start)
    setting.chip.load_samples(setting.x)
    if setting.job.corrected:
        setting.chip.write_corrections(setting.corrections)
    by_device = device_loop(setting)
    for step, states in enumerate(zip(by_host, by_device, strict=True)):
        same_state(states, step)


@pytest.mark.parametrize("setting", JOBS[:1], indirect=True)
def test_accumulators_of_the_device_are_seen_through_later_codes(setting: Setting) -> None:
    """A rate too small for one step to move a code: only what the firmware carries over, unseen, moves them."""
    slots, labels = setting.batch(0)
    start = setting.chip.read_codes()[0]
    state = LearnState.at(start)
    setting.chip.learn_start(replace(SETTINGS, rate_q8=40))
    for step in range(24):
        spikes = golden_spikes(setting, setting.engines[0], state.codes, setting.held(slots))
        state = setting.engines[0].learn(state, spikes, labels, replace(SETTINGS, rate_q8=40))
        setting.chip.learn_loaded(slots, labels, 40)
        np.testing.assert_array_equal(setting.chip.read_codes()[0], state.codes, err_msg=f"seed {SEED}, step {step}")
        if step == 0:
            np.testing.assert_array_equal(state.codes, start)
    assert not np.array_equal(state.codes, start)
