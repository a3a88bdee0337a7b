"""Soft LIF training: the rate curve is that of the array's neuron, and a small network runs spiking."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

from nt_host.pretrain.spec import PretrainError, TrainSpec  # noqa: E402
from nt_host.systems.soft_lif import (  # noqa: E402
    CORNERS,
    SOFT,
    SOFT_HIGH,
    SOFT_STEPS,
    Outcome,
    mean_of,
    run_soft_lif,
    soft_lif_checks,
    trained_layers,
)
from nt_host.systems.soft_lif_train import LEAK, SoftSpec, soft_rate  # noqa: E402
from nt_host.tasks import load_task  # noqa: E402
from nt_host.train_image import fit_task_encoder  # noqa: E402

pytestmark = pytest.mark.torch
SMALL = TrainSpec(hidden=(64, 32), population=2, steps=120, batch_size=64)
THETA_Q8 = 1 << 16


def spikes_of_a_neuron(drive_q8: int, n_steps: int) -> int:
    """The array's equation for one neuron at constant drive."""
    membrane, spikes = 0, 0
    for _ in range(n_steps):
        membrane = membrane - (membrane >> LEAK) + drive_q8
        if membrane >= THETA_Q8:
            membrane, spikes = 0, spikes + 1
    return spikes


@pytest.mark.parametrize("over_rheobase", [0.5, 0.9, 1.02, 1.1, 1.5, 2.0, 3.0, 6.0])
def test_the_sharp_curve_bounds_the_period_of_the_arrays_neuron_within_a_step(over_rheobase: float) -> None:
    drive = round(over_rheobase * THETA_Q8 * 2.0**-LEAK)
    n_steps = 2000
    measured = spikes_of_a_neuron(drive, n_steps) / n_steps
    rate = float(soft_rate(torch.tensor([over_rheobase - 1.0]), gamma=1e-3)[0])
    if over_rheobase < 1:
        assert measured == 0
        assert rate < 0.03
    else:
        assert abs(1 / measured - 1 / rate) <= 1.05


def test_the_soft_curve_rises_and_keeps_its_derivative_bounded_round_the_threshold() -> None:
    above = torch.linspace(-1, 3, 401, requires_grad=True)
    rate = soft_rate(above)
    assert (torch.diff(rate.detach()) >= 0).all()
    (slope,) = torch.autograd.grad(rate.sum(), above)
    assert torch.isfinite(slope).all()
    assert float(slope.max()) < 2


def test_a_small_network_runs_spiking_on_the_ideal_chip_far_above_chance() -> None:
    outcomes = run_soft_lif(SMALL, (0,), 1, variants=(SOFT_HIGH,), n_test=150)
    assert {each.n_steps for each in outcomes} == set(SOFT_STEPS)
    assert {each.corner for each in outcomes} == {corner.name for corner in CORNERS}
    for n_steps in SOFT_STEPS:
        assert mean_of(outcomes, SOFT_HIGH.name, n_steps, "ideal", "argmax") > 0.6


def test_layers_leak_and_noise_changes_what_is_learned() -> None:
    task = load_task("digits", None)
    encoder = fit_task_encoder(task)
    short = TrainSpec(hidden=(16,), population=1, steps=5, batch_size=16)
    plain, again, noisy = (trained_layers(each, task, encoder, short) for each in (SOFT, SOFT, SOFT_HIGH))
    assert all(layer.leak == LEAK and (np.asarray(layer.threshold_q8) % (1 << LEAK) == 0).all() for layer in plain)
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(plain, again, strict=True))
    assert not all(
        np.array_equal(a.weight, b.weight) and np.array_equal(a.bias, b.bias) for a, b in zip(plain, noisy, strict=True)
    )


def test_a_loss_that_is_not_smaller_misses_the_check() -> None:
    def outcome(name: str, n_steps: int, corner: str, value: float) -> Outcome:
        return Outcome(name, n_steps, corner, 0, 0, value, value)

    def both(noisy_at_widest: float) -> list[Outcome]:
        rows = [(SOFT.name, 0.8), (SOFT_HIGH.name, noisy_at_widest)]
        return [
            outcome(name, n_steps, corner, value)
            for name, widest in rows
            for n_steps in SOFT_STEPS
            for corner, value in ((CORNERS[0].name, 0.9), (CORNERS[-1].name, widest))
        ]

    assert all(check.met for check in soft_lif_checks(both(0.85)))
    assert not any(check.met for check in soft_lif_checks(both(0.7)))


def test_negative_noise_is_refused() -> None:
    with pytest.raises(PretrainError):
        SoftSpec(SMALL, -0.1)
