"""The bench's own yardstick: an ideal chip has no error, a known error is measured as what it is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nt_calib.options import Options
from nt_host.images import packaged_image
from nt_model.corner import Corner, corner_named
from nt_model.correction import Corrections
from nt_model.image import Image
from nt_model.image_file import read_image
from nt_model.silicon import Silicon

CODES = np.array([64, 128, 192])


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "calibration.py"
    spec = importlib.util.spec_from_file_location("bench_calibration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_calibration"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def image() -> Image:
    return read_image(packaged_image("digits")).image


def shifted(image: Image, offset_q4: int) -> Corrections:
    zero = np.zeros(image.n_codes, np.int64)
    return Corrections(zero + offset_q4, zero, zero)


def test_an_ideal_chip_has_no_error_and_a_shift_of_two_codes_is_two_codes(bench: ModuleType, image: Image) -> None:
    ideal = Silicon.draw(image, Corner("ideal"), 0)
    assert np.abs(bench.true_log_gain(ideal, shifted(image, 0), CODES)).max() < 1e-12
    off = bench.in_codes(bench.true_log_gain(ideal, shifted(image, 32), CODES), image.gain, CODES)
    np.testing.assert_allclose(off, 2.0, atol=0.03)


def test_a_weak_threshold_counts_like_a_strong_gain(bench: ModuleType, image: Image) -> None:
    corner = Corner("t", threshold_spread_ppm=50_000)
    drawn = Silicon.draw(image, corner, 1)
    seen = bench.true_log_gain(drawn, shifted(image, 0), CODES)
    nominal = np.concatenate([layer.threshold_q8 for layer in image.layers]).astype(np.float64)
    own = np.concatenate([devices.threshold_q8 for devices in drawn.neurons])
    usual = np.abs(own / nominal - 1) < 0.5
    np.testing.assert_allclose(seen[usual, 1], np.log(nominal / own)[usual], atol=1e-9)


def test_codes_beyond_the_bounds_are_told(bench: ModuleType, image: Image) -> None:
    domain = np.arange(5)
    inside = bench.within_bounds(shifted(image, 16 * 100), domain, np.array([64, 128, 192]))
    assert inside.all(axis=0).tolist() == [True, True, False]


def test_a_chip_is_calibrated_and_its_summary_counts_all_neurons(bench: ModuleType) -> None:
    options = Options(search_patterns=6, refine_patterns=16, check_patterns=1)
    setup = bench.Setup(read_image(packaged_image("digits")), options)
    chip = bench.run_chip(setup, bench.ChipTask("worn", 0))
    assert chip.gain_sigma_after < 0.2 * chip.gain_sigma_before
    assert sum(chip.verdicts.values()) == chip.neurons == 848
    assert chip.faults > 0
    assert chip.faults_called_good == 0
    row = bench.summary("worn", [chip])
    assert row["gain_ratio"]["worst"] == pytest.approx(chip.gain_sigma_after / chip.gain_sigma_before)
    assert corner_named(chip.corner).dead_ppm == 10_000
