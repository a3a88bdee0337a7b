"""The energy model has the shape that its source reports, and counts what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_model.devices import DEVICES
from nt_model.energy import (
    activity_of,
    code_write_fj,
    reference_w,
    sample_energy,
    sample_time_s,
    spike_energy_fj,
    standing_power,
)
from nt_model.gain import nominal_gain
from tests.model.strategies import make_image


def test_energy_per_spike_falls_as_the_supply_rises_to_about_a_picojoule():
    energy = spike_energy_fj(nominal_gain())
    assert (np.diff(energy) < 0).all()
    assert 800 < energy[-1] < 1200
    assert energy[0] > 3 * energy[-1]


def test_more_spikes_cost_more():
    image = make_image(1, (5, 4, 3))
    codes = np.full(image.n_codes, 128, np.uint8)
    events = np.ones((2, 3, 5), np.uint8)
    silent = sample_energy(
        image, codes, activity_of(image, events, [np.zeros((2, 4), np.uint8), np.zeros((2, 3), np.uint8)])
    )
    busy = sample_energy(
        image, codes, activity_of(image, events, [np.full((2, 4), 3, np.uint8), np.full((2, 3), 3, np.uint8)])
    )
    assert silent.spike_fj == 0
    assert busy.total_fj > silent.total_fj > 0
    assert busy.core_fj == silent.core_fj


def test_standing_power_is_the_sum_over_neurons_and_falls_with_the_codes():
    image = make_image(2, (6, 5, 4))
    low, high = (standing_power(image, np.full(image.n_codes, code, np.uint8)) for code in (0, 255))
    assert low.core_uw == high.core_uw == pytest.approx(image.n_neurons * 1.8)
    assert low.reference_uw < high.reference_uw
    branches = sum(1 + int(a != b) for layer in image.layers for a, b in layer.domain.tolist())
    assert high.reference_uw == pytest.approx(branches * reference_w(image.gain)[255] * 1e6)


def test_the_reference_branch_draws_the_gain_laws_current():
    exact = [DEVICES.mirror.current_a(DEVICES.supply_v(code)) * 1.0 for code in range(256)]
    np.testing.assert_allclose(reference_w(nominal_gain()), exact, rtol=1e-3)


def test_a_step_lasts_as_its_busiest_input_needs():
    image = make_image(1, (5, 4, 3))
    one, many = np.ones((1, 1, 5), np.uint8), np.full((1, 1, 5), 30, np.uint8)
    assert sample_time_s(image, one) == pytest.approx(max(DEVICES.neuron.step_s, 300e-9))
    assert sample_time_s(image, many) == pytest.approx(3000e-9 + 200e-9)
    assert sample_time_s(image, np.repeat(one, 7, axis=1)) == pytest.approx(7 * sample_time_s(image, one))


def test_a_dearer_core_changes_the_cores_alone():
    image = make_image(3, (4, 3))
    codes = np.full(image.n_codes, 100, np.uint8)
    dearer = replace(DEVICES, power=replace(DEVICES.power, core_nw=2 * DEVICES.power.core_nw))
    one, two = standing_power(image, codes), standing_power(image, codes, dearer)
    assert two.total_uw - one.total_uw == pytest.approx(one.core_uw)
    assert code_write_fj(10) == pytest.approx(10 * 500)
