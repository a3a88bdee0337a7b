"""Noise and drift follow the chip's age, not the frames that samples happen to come in."""

from __future__ import annotations

import numpy as np
import pytest

from nt_hil.chip import Dither, LearnBatch, Readout
from nt_hil.open import open_chip
from nt_hil.sim.device import Device, LinkLimits
from nt_hil.sim.operating_points import OperatingPoints
from nt_hil.sim.simchip import SimChip
from nt_model.corner import Corner, corner_named
from nt_model.engine import make_engine
from nt_model.learn import LearnSettings
from nt_model.operating import Operating
from nt_model.silicon import Conditions, Silicon
from tests.hil.rig import client_of, loaded_image, random_events

DRIFTING = Corner(
    "drifting", gain_spread_ppm=100_000, noise_ppm=50_000, temperature_drift_mk=9_000, supply_drift_uv=5_000
)
IMAGE = loaded_image((12, 60, 40, 4))


def _device(limits: LinkLimits) -> Device:
    silicon = Silicon.draw(IMAGE.image, DRIFTING, 5)
    return Device(SimChip(IMAGE, silicon, make_engine("numpy", IMAGE.image)), limits)


@pytest.mark.parametrize("readout", [Readout(True), Readout(True, Dither(48, 24))])
def test_frame_size_makes_no_difference(readout: Readout) -> None:
    x = random_events(2600, 12)
    answers = []
    for limits in (LinkLimits(512, 3), LinkLimits(65535, 8)):
        chip = client_of(_device(limits))
        answers.append(chip.present(x, readout))
        assert chip.status().samples_presented == 2600
        assert chip.status().temperature_mk != 300_000
    for ours, theirs in zip(answers[0].plain + answers[0].plus, answers[1].plain + answers[1].plus, strict=True):
        assert (ours == theirs).all()


def _same_points(ours: Operating, golden: Operating) -> bool:
    pairs = zip(ours.layers, golden.layers, strict=True)
    return all((a.gain_q12 == b.gain_q12).all() and (a.threshold_q8 == b.threshold_q8).all() for a, b in pairs)


@pytest.mark.parametrize("corner", ["ideal", "wild"])
def test_remembered_operating_points_are_the_computed_ones(corner: str) -> None:
    silicon = Silicon.draw(IMAGE.image, corner_named(corner), 5)
    points = OperatingPoints(silicon)
    rng = np.random.default_rng(1)
    for index in range(20):
        codes = rng.integers(0, 256, IMAGE.image.n_codes).astype(np.uint8)
        at = Conditions(1000 * (index // 8), 500)
        golden = silicon.operating(codes, at)
        assert _same_points(points.at(codes, at), golden)
        assert _same_points(points.tables(at).at(codes), golden)
        assert _same_points(points.at(codes[::-1].copy(), at), silicon.operating(codes[::-1], at))
        assert points.tables(at).gain_q12[0].dtype == np.uint16


def test_points_of_other_conditions_are_others() -> None:
    points = OperatingPoints(Silicon.draw(IMAGE.image, corner_named("wild"), 5))
    codes = np.full(IMAGE.image.n_codes, 128, np.uint8)
    assert not _same_points(points.tables(Conditions()).at(codes), points.tables(Conditions(30_000)).at(codes))


def test_a_port_with_a_baud_rate_gives_the_same_answers() -> None:
    x = random_events(300, 12)
    plain = open_chip("sim:typical,seed=7", IMAGE, engine="numpy")
    slow = open_chip("sim:typical,seed=7,baud=115200", IMAGE, engine="numpy")
    assert (plain.present(x, Readout()).plain[0] == slow.present(x, Readout()).plain[0]).all()
    assert slow.traffic.retransmissions == 0
    assert slow.session.link.now() > 0.0


def test_learning_steps_that_come_together_are_those_that_come_alone() -> None:
    x, rng = random_events(90, 12), np.random.default_rng(4)
    steps = [LearnBatch(rng.integers(0, 90, 90), rng.integers(0, 3, 90), 5000 - 100 * i) for i in range(24)]
    ends = []
    for size in (1, 24):
        device = _device(LinkLimits(4096, 8))
        chip = client_of(device)
        chip.load_samples(x)
        chip.learn_start(LearnSettings())
        for begin in range(0, len(steps), size):
            chip.learn_many(steps[begin : begin + size])
        status = chip.status()
        assert (status.samples_presented, status.revision, status.learning_step) == (24 * 90, 24, 24)
        ends.append((chip.read_codes()[0].tolist(), [part.tolist() for part in chip.learn_state()]))
    assert ends[0] == ends[1]
    assert ends[0][0] != [128] * IMAGE.image.n_codes
