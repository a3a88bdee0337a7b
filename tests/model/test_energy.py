"""The energy model has the shape that its source reports."""

from __future__ import annotations

import numpy as np

from nt_model.energy import sample_energy_fj, spike_energy_fj
from nt_model.gain import nominal_gain
from tests.model.strategies import make_image


def test_energy_per_spike_falls_as_the_supply_rises_to_about_a_picojoule():
    energy = spike_energy_fj(nominal_gain())
    assert (np.diff(energy) < 0).all()
    assert 800 < energy[-1] < 1200


def test_more_spikes_cost_more():
    image = make_image(1, (5, 4, 3))
    codes = np.full(image.n_codes, 128, np.uint8)
    few = sample_energy_fj(image, codes, 2.0, [np.full(4, 0.1), np.full(3, 0.1)])
    many = sample_energy_fj(image, codes, 2.0, [np.full(4, 1.0), np.full(3, 1.0)])
    assert 0 < few < many
