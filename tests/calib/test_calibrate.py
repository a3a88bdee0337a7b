"""A whole calibration over the wire, judged by the silicon that only the test may see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_calib.calibrate import Progress, calibrate
from nt_calib.judge import figures_of, trimmed_sigma
from nt_calib.options import Options
from nt_calib.result import Calibration
from nt_calib.verdict import Verdict
from nt_hil.chip import Capability
from nt_hil.client import ChipClient
from nt_hil.links.in_process import InProcessLink
from nt_hil.session import Session
from nt_hil.sim.codes import CodeLimits
from nt_hil.sim.device import Device
from nt_hil.sim.nv import MemoryNv
from nt_hil.sim.simchip import ALL_CAPABILITIES, SimChip, SimOptions
from nt_model.corner import CORNERS
from nt_model.correction import Corrections
from nt_model.engine import make_engine
from nt_model.errors import DeviceError, UsageError
from nt_model.image_file import LoadedImage, image_bytes, parse_image
from nt_model.silicon import Silicon
from tests.calib.benches import bench_image
from tests.model.strategies import make_image

IMAGE = parse_image(image_bytes(bench_image(2, (60, 50, 40))))
QUICK = Options(search_patterns=8, refine_patterns=40)


class Die:
    """A simulated chip whose silicon a test can look at, and spoil."""

    def __init__(self, corner: str = "typical", seed: int = 3, image: LoadedImage = IMAGE) -> None:
        self.image, self.nv = image, MemoryNv()
        self.silicon = Silicon.draw(image.image, CORNERS[corner], seed)

    def chip(self, options: SimOptions | None = None) -> ChipClient:
        sim = SimChip(self.image, self.silicon, make_engine("c", self.image.image), options, self.nv)
        return ChipClient(Session(InProcessLink(Device(sim))))

    def log_error(self, corrections: Corrections, code: int) -> np.ndarray:
        """ln of input-referred gain over nominal gain of all neurons at a calibrated code."""
        image = self.image.image
        dac = corrections.dac_codes(np.full(image.n_codes, code, np.uint8))
        parts = []
        for layer, at in zip(image.layers, self.silicon.operating(dac).layers, strict=True):
            gain = at.gain_q12[:, 0] / image.gain[code]
            parts.append(np.log(np.maximum(gain * layer.threshold_q8 / at.threshold_q8, 1e-6)))
        return np.concatenate(parts)


def calibrated(die: Die, options: Options = QUICK) -> tuple[ChipClient, Calibration]:
    chip = die.chip()
    return chip, calibrate(chip, IMAGE.image, IMAGE.digest, options)


def success(calibration: Calibration) -> np.ndarray:
    return np.concatenate([layer.success for layer in calibration.layers])


@pytest.mark.parametrize("corner", ["quiet", "typical", "wild"])
def test_gains_become_nominal(corner: str) -> None:
    die = Die(corner)
    _, calibration = calibrated(die)
    good, none = success(calibration), Corrections.none(IMAGE.image.n_codes)
    assert good.mean() > 0.9
    for code in (96, 128, 160):
        before = trimmed_sigma(die.log_error(none, code)[good])
        after = trimmed_sigma(die.log_error(calibration.corrections, code)[good])
        assert after < 0.06 * before, f"code {code}"


def test_the_spread_read_back_is_that_of_the_silicon() -> None:
    die = Die()
    _, calibration = calibrated(die)
    figures = figures_of(calibration)
    truth = trimmed_sigma(die.log_error(Corrections.none(IMAGE.image.n_codes), 128)[success(calibration)])
    assert abs(figures.sigma_before / truth - 1) < 0.05
    assert figures.sigma_after < 0.006
    assert abs(figures.noise / 0.01 - 1) < 0.5


def test_the_chip_keeps_its_codes_and_gets_the_corrections() -> None:
    die = Die()
    chip = die.chip()
    codes = np.random.default_rng(1).integers(60, 200, IMAGE.image.n_codes).astype(np.uint8)
    chip.write_codes(codes)
    calibration = calibrate(chip, IMAGE.image, IMAGE.digest, QUICK)
    assert (chip.read_codes()[0] == codes).all()
    assert (chip.read_corrections() == calibration.corrections.pack()).all()


def test_dead_and_stuck_neurons_are_named_and_keep_their_codes() -> None:
    die = Die()
    fault = die.silicon.neurons[0].fault.copy()
    fault[3], fault[7] = -1, 1
    object.__setattr__(die.silicon, "neurons", (replace(die.silicon.neurons[0], fault=fault), die.silicon.neurons[1]))
    _, calibration = calibrated(die)
    verdict = calibration.layers[0].verdict
    assert verdict[3] == Verdict.DEAD
    assert verdict[7] == Verdict.STUCK
    assert (calibration.corrections.pack()[IMAGE.image.layers[0].domain[[3, 7], 0]] == 0).all()
    assert not np.isin(np.delete(verdict, [3, 7]), (Verdict.DEAD, Verdict.STUCK)).any()


def test_a_calibration_that_is_interrupted_leaves_the_chip_as_it_was() -> None:
    chip = Die().chip()
    corrections = Corrections(*(np.full(IMAGE.image.n_codes, value) for value in (40, 3, -2)))
    codes = np.full(IMAGE.image.n_codes, 140, np.uint8)
    chip.write_corrections(corrections)
    chip.write_codes(codes)

    def stop(progress: Progress) -> None:
        if progress.shots > progress.of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(chip, IMAGE.image, IMAGE.digest, QUICK, stop)
    assert (chip.read_codes()[0] == codes).all()
    assert (chip.read_corrections() == corrections.pack()).all()


@pytest.mark.parametrize("limits", [CodeLimits(max_move_code=16), CodeLimits(code_min=16, code_max=240)])
def test_a_chip_with_limits_is_calibrated_within_them(limits: CodeLimits) -> None:
    die = Die()
    chip = die.chip(SimOptions(limits))
    codes = np.full(IMAGE.image.n_codes, 150, np.uint8)
    for code in (140, 150):
        chip.write_codes(np.full_like(codes, code))
    calibration = calibrate(chip, IMAGE.image, IMAGE.digest, QUICK)
    assert (chip.read_codes()[0] == codes).all()
    good, none = success(calibration), Corrections.none(IMAGE.image.n_codes)
    assert good.mean() > 0.9
    assert trimmed_sigma(die.log_error(calibration.corrections, 128)[good]) < 0.06 * trimmed_sigma(
        die.log_error(none, 128)[good]
    )


def test_progress_ends_near_what_it_promised() -> None:
    seen: list[Progress] = []
    calibrate(Die().chip(), IMAGE.image, IMAGE.digest, QUICK, seen.append)
    assert [one.shots for one in seen] == sorted(one.shots for one in seen)
    assert seen[-1].shots >= seen[-1].of * 0.95


def test_what_cannot_be_calibrated_is_refused() -> None:
    other = parse_image(image_bytes(make_image(5, (12, 8, 6), classes=2)))
    with pytest.raises(DeviceError, match="another image"):
        calibrate(Die().chip(), other.image, other.digest, QUICK)
    lacking = SimOptions(capabilities=ALL_CAPABILITIES & ~Capability.STIMULATE)
    with pytest.raises(DeviceError, match="cannot be calibrated"):
        calibrate(Die().chip(lacking), IMAGE.image, IMAGE.digest, QUICK)
    split = parse_image(image_bytes(make_image(5, (12, 8, 6), classes=2, split=True)))
    with pytest.raises(UsageError, match="split domains"):
        calibrate(Die(image=split).chip(), split.image, split.digest, QUICK)
