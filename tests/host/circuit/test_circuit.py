"""Circuit against integers: the gain law, and spike counts of random neurons; negative controls see a wrong law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_host.circuit.gain_check import check_gain
from nt_host.circuit.neuron_run import run_patterns
from nt_host.circuit.patterns import Pattern, gain_q12, model_answers, random_patterns
from nt_host.circuit.supply_sweep import SHOWN_MV, driven_rates_hz, sweep_supply
from nt_model.devices import DEVICES
from nt_model.gain import nominal_gain, supply_uv

pytestmark = pytest.mark.circuit


def test_the_gain_law_is_the_circuit_within_a_thousandth(ngspice: None) -> None:
    check = check_gain()
    assert check.circuit.shape == (6, 256)
    assert check.worst_error <= 1e-3
    assert check.worst_reference_error <= 1e-6


def test_another_square_law_would_be_seen(ngspice: None) -> None:
    """Negative control: beta for beta/2, the factor between the paper's equations, is far outside the tolerance."""
    doubled = replace(DEVICES, mirror=replace(DEVICES.mirror, beta_rs_per_v=2 * DEVICES.mirror.beta_rs_per_v))
    per_code = check_gain(doubled).reference_a
    assert np.abs(per_code / per_code[128] / (nominal_gain() / 4096) - 1).max() > 0.05


def test_random_neurons_spike_as_often_as_the_model_says(ngspice: None) -> None:
    patterns = random_patterns(20, seed=5)
    model = [answer.spikes for answer in model_answers(patterns)]
    circuit = [trace.spikes for trace in run_patterns(patterns)]
    difference = np.abs(np.subtract(circuit, model))
    assert sum(each > 0 for each in model) >= 10, "the patterns must ask something"
    assert (difference == 0).mean() >= 0.95
    assert difference.max() <= 1


def test_another_supply_than_the_models_would_be_seen(ngspice: None) -> None:
    """Negative control: the same patterns at 60 mV more in the circuit alone."""
    patterns = random_patterns(20, seed=5)
    model = [answer.spikes for answer in model_answers(patterns)]
    raised = [replace(pattern, vdd_uv=pattern.vdd_uv + 60_000) for pattern in patterns]
    circuit = [trace.spikes for trace in run_patterns(raised)]
    assert (np.array(circuit) == model).mean() < 0.8


def test_the_same_input_gives_more_spikes_at_the_higher_supply(ngspice: None) -> None:
    sweep = sweep_supply()
    low, high = (sweep.at(supply_mv) for supply_mv in SHOWN_MV)
    assert low[0] == low[1]
    assert high[0] == high[1]
    assert high[0] > low[0] > 0
    assert (np.diff(sweep.circuit) >= 0).all()


def test_the_highest_rate_is_the_devices_own(ngspice: None) -> None:
    assert driven_rates_hz()[-1] == pytest.approx(DEVICES.max_rate_hz, rel=0.02)


def test_the_gain_at_a_codes_supply_is_the_tables() -> None:
    codes = np.arange(256)
    assert [gain_q12(int(supply)) for supply in supply_uv(codes)] == nominal_gain().tolist()


def test_patterns_are_a_function_of_the_seed() -> None:
    one, two, other = (random_patterns(3, seed) for seed in (1, 1, 2))
    assert [pattern.train.tolist() for pattern in one] == [pattern.train.tolist() for pattern in two]
    assert [pattern.train.tolist() for pattern in one] != [pattern.train.tolist() for pattern in other]
    assert not Pattern.on_time(one[0].weight, one[0].vdd_uv, one[0].train).delay.any()
