"""One file of device parameters: law, silicon and neuron read the same numbers, and the integers stay."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from nt_model import silicon
from nt_model.devices import DEVICES
from nt_model.gain import NOMINAL, nominal_gain, supply_uv

GAIN_TABLE_SHA256 = "dc4a29dcdaca9622386d2d0e0828c8b8cab9e715a7913e909766a8957b85732c"


def test_the_gain_table_never_changes():
    assert hashlib.sha256(nominal_gain().tobytes()).hexdigest() == GAIN_TABLE_SHA256


def test_law_and_silicon_stand_on_the_file():
    assert (NOMINAL.vth_uv, NOMINAL.beta_rs_q16) == (350_000, 4 << 16)
    assert silicon.VTH_PER_GAIN_SPREAD_UV == DEVICES.spread.vth_uv_per_gain_spread == 190_000
    assert supply_uv(np.array([0, 255])).tolist() == [500_000, 1_000_000]
    assert [DEVICES.supply_v(code) for code in (0, 255)] == [0.5, 1.0]


def test_the_current_solves_the_mirror_equation():
    mirror = DEVICES.mirror
    for vdd in np.linspace(0.5, 1.0, 11):
        current = mirror.current_a(vdd)
        overdrive = vdd - current * mirror.rs_ohm - mirror.vth_mv * 1e-3
        assert current == pytest.approx(mirror.beta / 2 * overdrive**2, rel=1e-9)
    assert mirror.current_a(0.3) == 0


def test_table_and_current_agree():
    current = np.array([DEVICES.mirror.current_a(DEVICES.supply_v(code)) for code in range(256)])
    np.testing.assert_allclose(current / current[128], nominal_gain() / 4096, rtol=1e-3)


def test_the_neuron_is_the_papers():
    neuron = DEVICES.neuron
    assert (neuron.membrane_ff, neuron.rest_mv, neuron.threshold_mv, neuron.spike_ns) == (50, 250, 350, 100)
    assert DEVICES.max_rate_hz == pytest.approx(3.3e6, rel=0.03)


def test_a_step_loses_the_models_share():
    neuron = DEVICES.neuron
    assert 1 - np.exp(-neuron.step_s / neuron.leak_s) == pytest.approx(2.0**-neuron.leak_shift)


def test_a_threshold_is_a_ratio_of_transistors():
    assert DEVICES.reference_per_lsb_for(DEVICES.threshold_lsb) == pytest.approx(DEVICES.synapse.reference_per_lsb)
    assert DEVICES.reference_per_lsb_for(1.0) < DEVICES.reference_per_lsb_for(2.0)
