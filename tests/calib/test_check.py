"""Negative control: a calibrated chip passes its check; one parameter spoilt, it fails; calibrated again, it passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_calib.calibrate import calibrate
from nt_calib.check import Tolerance, check
from nt_calib.excess import excess_sigmas
from nt_calib.options import Options
from nt_calib.reads import Reads
from nt_calib.result import Calibration
from nt_hil.client import ChipClient
from nt_hil.sim.device import Device, LinkLimits
from nt_hil.sim.simchip import SimChip
from nt_model.corner import corner_named
from nt_model.correction import Corrections
from nt_model.engine import make_engine
from nt_model.errors import TargetNotMetError, UsageError
from nt_model.image_file import image_bytes, parse_image
from nt_model.silicon import Silicon
from tests.calib.benches import LawBench, bench_image
from tests.hil.rig import client_of, sim_device

IMAGE = parse_image(image_bytes(bench_image(sizes=(40, 24, 12))))
OPTIONS = Options(refine_repeats=24)


@pytest.fixture(scope="module")
def calibrated() -> tuple[Device, Calibration]:
    device = sim_device(IMAGE, corner="typical")
    return device, calibrate(client_of(device), IMAGE.image, IMAGE.digest, OPTIONS)


def restored(device: Device, calibration: Calibration) -> ChipClient:
    chip = client_of(device)
    chip.write_corrections(calibration.corrections)
    return chip


def spoilt(corrections: Corrections, domain: int, codes: int) -> Corrections:
    """`corrections` with one parameter of one domain off."""
    offset = corrections.offset_q4.copy()
    offset[domain] += 16 * codes
    return replace(corrections, offset_q4=offset)


def test_a_calibrated_chip_holds_again_and_again(calibrated: tuple[Device, Calibration]) -> None:
    device, calibration = calibrated
    chip = restored(device, calibration)
    codes = chip.read_codes()[0]
    for _ in range(5):
        result = check(chip, IMAGE.image, calibration)
        assert result.holds, result.reasons
        result.require()
        assert result.measured > 0.8 * sum(len(layer.error) for layer in result.layers)
    assert (chip.read_codes()[0] == codes).all()


@pytest.mark.parametrize("codes", [6, -6, 40])
def test_one_spoilt_neuron_fails_the_check_and_a_calibration_mends_it(
    codes: int, calibrated: tuple[Device, Calibration]
) -> None:
    device, calibration = calibrated
    good = check(restored(device, calibration), IMAGE.image, calibration)
    domain = int(np.flatnonzero(good.layers[0].judged & (good.layers[0].sd < 0.005))[0])
    wrong = replace(calibration, corrections=spoilt(calibration.corrections, domain, codes))
    result = check(restored(device, wrong), IMAGE.image, wrong)
    assert not result.holds
    assert [(one["layer"], one["neuron"]) for one in result.table()["moved"]] == [(0, domain)]
    with pytest.raises(TargetNotMetError, match="does not hold") as missed:
        result.require()
    assert "nt-host calibrate" in missed.value.next_step
    again = calibrate(client_of(device), IMAGE.image, IMAGE.digest, OPTIONS)
    assert check(client_of(device), IMAGE.image, again).holds


def test_a_chip_without_the_corrections_is_told_to_apply_them(calibrated: tuple[Device, Calibration]) -> None:
    device, calibration = calibrated
    chip = client_of(device)
    chip.write_corrections(Corrections.none(IMAGE.image.n_codes))
    with pytest.raises(TargetNotMetError, match="not those") as missed:
        check(chip, IMAGE.image, calibration)
    assert "--apply" in missed.value.next_step
    assert "none at all" in missed.value.evidence


def test_a_calibration_of_another_chip_is_refused(calibrated: tuple[Device, Calibration]) -> None:
    device, calibration = calibrated
    with pytest.raises(UsageError, match="another chip"):
        check(client_of(device), IMAGE.image, replace(calibration, uid="0" * 16))


def test_a_common_shift_is_seen_as_such(calibrated: tuple[Device, Calibration]) -> None:
    """A shift of all gains by 1.5 codes moves no neuron beyond its tolerance, but the median tells."""
    device, calibration = calibrated
    corrections = calibration.corrections
    wrong = replace(calibration, corrections=replace(corrections, offset_q4=corrections.offset_q4 + 24))
    result = check(restored(device, wrong), IMAGE.image, wrong, Tolerance(neuron_code=5.0))
    assert result.moved == 0
    assert result.median_code == pytest.approx(1.5, abs=0.4)
    assert any("shifted" in reason for reason in result.reasons)


@pytest.mark.parametrize("inverted", [False, True])
def test_the_identity_chip_holds_without_any_correction(inverted: bool, calibrated: tuple[Device, Calibration]) -> None:
    """On a bench that is the nominal chip, and on one whose thresholds are negative, nothing has moved."""
    image = parse_image(image_bytes(bench_image(sizes=(40, 24, 12), inverted=inverted)))
    chip = client_of(sim_device(image, corner="ideal"))
    layers = tuple(
        replace(
            layer,
            after=np.zeros_like(layer.after),
            after_sd=np.full_like(layer.after_sd, 1e-3),
            verdict=np.zeros_like(layer.verdict),
            noise=np.full_like(layer.noise, 0.005),
        )
        for layer in calibrated[1].layers
    )
    none = Corrections.none(image.image.n_codes)
    nominal = replace(calibrated[1], uid=chip.info.uid, image_digest=image.digest, layers=layers, corrections=none)
    result = check(chip, image.image, nominal, bench=LawBench.identity(image.image, 0.005))
    assert result.holds, result.reasons
    assert abs(result.median_code) < 0.2


def test_excess_grows_with_the_error_even_where_the_reads_say_only_far_off() -> None:
    gain = IMAGE.image.gain
    errors = np.array([0.0, 0.01, 0.03, 0.1, 0.5])
    noise = np.full(len(errors), 0.01)
    drive = np.exp(np.linspace(-0.03, 0.03, 13))[:, None] * np.ones(len(errors))
    fires = 24 * (np.log(drive) + errors > 0).astype(np.int64)
    reads = Reads(drive, np.full(drive.shape, 128, np.uint8), fires, np.full(13, 24, np.int64))
    seen = excess_sigmas(reads, np.ones(drive.shape, bool), gain, np.zeros(len(errors), bool), noise, 0.015)
    assert (seen[:2] == 0).all()
    assert (seen[2:] > 4).all()
    assert (excess_sigmas(reads, np.zeros(drive.shape, bool), gain, np.zeros(5, bool), noise, 0.015) == 0).all()


def test_a_supply_that_drifted_is_seen_and_a_calibration_mends_it() -> None:
    drifting = replace(corner_named("typical"), name="drifting", supply_drift_uv=3_000)
    silicon = Silicon.draw(IMAGE.image, drifting, 5)
    device = Device(SimChip(IMAGE, silicon, make_engine("numpy", IMAGE.image)), LinkLimits(512))
    chip = client_of(device)
    first = calibrate(chip, IMAGE.image, IMAGE.digest, OPTIONS)
    supply = silicon.conditions_at(device.chip.samples_presented).supply_offset_uv
    while abs(silicon.conditions_at(device.chip.samples_presented).supply_offset_uv - supply) < 12_000:
        device.chip.samples_presented += 1024
    drifted = check(chip, IMAGE.image, first)
    assert not drifted.holds
    assert abs(drifted.median_code) > 2
    # Twelve millivolt are six steps of a DAC of 500 mV / 255.
    again = calibrate(chip, IMAGE.image, IMAGE.digest, OPTIONS)
    device.chip.samples_presented -= device.chip.samples_presented % 1024
    assert abs(check(chip, IMAGE.image, again).median_code) < abs(drifted.median_code) / 3


def test_what_was_already_off_is_not_judged(calibrated: tuple[Device, Calibration]) -> None:
    device, calibration = calibrated
    first = calibration.layers[0]
    off = replace(first, after=np.full_like(first.after, 0.5), after_sd=np.full_like(first.after_sd, 0.001))
    known = replace(calibration, layers=(off, *calibration.layers[1:]))
    result = check(restored(device, calibration), IMAGE.image, known)
    assert not result.layers[0].judged.any()
    assert result.layers[1].judged.any()


def test_nothing_to_judge_does_not_hold(calibrated: tuple[Device, Calibration]) -> None:
    device, calibration = calibrated
    dead = tuple(replace(layer, verdict=np.ones_like(layer.verdict)) for layer in calibration.layers)
    result = check(restored(device, calibration), IMAGE.image, replace(calibration, layers=dead))
    assert result.measured == 0
    assert not result.holds
