"""Simulated silicon: repeatable, ideal where it says so, and as spread as its corner says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.array import run
from nt_model.corner import CORNERS, Corner, corner_named
from nt_model.errors import UsageError
from nt_model.operating import ideal_operating
from nt_model.random import normal_q16, triangle_noise_q8
from nt_model.silicon import Conditions, Silicon
from tests.model.strategies import images, make_image

IMAGE = make_image(3, (20, 400, 200, 30))
MIDDLE = np.full(IMAGE.n_codes, 128, np.uint8)


@given(images, st.integers(0, 255), st.integers(0, 2**64 - 1))
def test_an_ideal_chip_has_the_gains_of_the_image(image, code, seed):
    codes = np.full(image.n_codes, code, np.uint8)
    chip = Silicon.draw(image, CORNERS["ideal"], seed).operating(codes)
    for silicon, ideal in zip(chip.layers, ideal_operating(image, codes).layers, strict=True):
        assert np.array_equal(silicon.gain_q12, ideal.gain_q12)
        assert np.array_equal(silicon.threshold_q8, ideal.threshold_q8)
        assert np.array_equal(silicon.leak_q16, ideal.leak_q16)


def test_the_same_seed_is_the_same_chip_and_another_is_not():
    first, again, other = (Silicon.draw(IMAGE, CORNERS["typical"], seed) for seed in (7, 7, 8))
    gains = [chip.operating(MIDDLE).layers[0].gain_q12 for chip in (first, again, other)]
    assert np.array_equal(gains[0], gains[1])
    assert not np.array_equal(gains[0], gains[2])
    assert first.uid == again.uid != other.uid


@pytest.mark.parametrize(("corner", "spread"), [("typical", 0.10), ("wild", 0.20)])
def test_gain_and_threshold_spread_as_the_corner_says(corner, spread):
    layer = Silicon.draw(IMAGE, CORNERS[corner], 1).operating(MIDDLE).layers[0]
    gain = layer.gain_q12[:, 0] / 4096
    rms = np.sqrt(np.mean(IMAGE.layers[0].threshold_q8.astype(float) ** 2))
    offset = (layer.threshold_q8 - IMAGE.layers[0].threshold_q8) / rms
    assert gain.std() == pytest.approx(spread, rel=0.15)
    assert offset.std() == pytest.approx(spread / 2, rel=0.15)


def test_slow_chips_are_slower_and_fast_ones_faster():
    mean = {
        name: Silicon.draw(IMAGE, CORNERS[name], 1).operating(MIDDLE).layers[0].gain_q12.mean()
        for name in ("slow", "typical", "fast")
    }
    assert mean["slow"] < mean["typical"] < mean["fast"]


def test_gain_grows_with_the_code_on_every_neuron_of_a_mismatched_chip():
    chip = Silicon.draw(IMAGE, CORNERS["typical"], 2)
    gains = [
        chip.operating(np.full(IMAGE.n_codes, code, np.uint8)).layers[0].gain_q12[:, 0] for code in (0, 64, 128, 255)
    ]
    assert all((low < high).all() for low, high in itertools.pairwise(gains))


def test_dead_neurons_never_spike_and_stuck_ones_always_do():
    chip = Silicon.draw(IMAGE, Corner("faulty", dead_ppm=200_000, stuck_ppm=200_000), 5)
    operating = chip.operating(MIDDLE)
    x = np.random.default_rng(0).integers(0, 8, (50, 1, 20)).astype(np.uint8)
    counts = run(IMAGE, operating, x)[0].counts
    fault = operating.layers[0].fault
    assert (fault < 0).sum() == pytest.approx(80, abs=30)
    assert not counts[:, fault < 0].any()
    assert counts[:, fault > 0].all()


def test_noise_repeats_for_the_same_read_and_differs_for_the_next():
    sigma = np.full(4000, 1000, np.uint16)
    step = np.array([5, 6])
    noise = triangle_noise_q8(9, step, 0, sigma)
    assert np.array_equal(noise, triangle_noise_q8(9, step, 0, sigma))
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.05
    assert noise.std() == pytest.approx(1000, rel=0.03)
    assert abs(noise.mean()) < 30


def test_normal_draws_have_unit_spread():
    drawn = normal_q16(1, 2, 50_000) / 65536
    assert drawn.std() == pytest.approx(1, rel=0.02)
    assert abs(drawn.mean()) < 0.02


def test_heat_changes_the_gain_and_drift_is_bounded():
    chip = Silicon.draw(IMAGE, Corner("drifting", temperature_drift_mk=500, supply_drift_uv=300), 4)
    assert chip.conditions_at(0) == Conditions()
    late = chip.conditions_at(10**9)
    assert abs(late.temperature_offset_mk) <= 40_000
    assert abs(late.supply_offset_uv) <= 25_000
    warm = chip.operating(MIDDLE, Conditions(temperature_offset_mk=20_000)).layers[0].gain_q12
    assert not np.array_equal(warm, chip.operating(MIDDLE).layers[0].gain_q12)


def test_an_unknown_corner_names_the_known_ones():
    with pytest.raises(UsageError, match="typical"):
        corner_named("tipical")
