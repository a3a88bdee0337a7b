"""Equilibrium propagation: its gradient, its spikes, a small learner, the array form and the local rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from nt_hil.client import ChipClient
from nt_host.fleet.simulated import simulated_chip
from nt_host.move_codes import move_codes
from nt_host.readout import predict
from nt_host.systems.eqprop.array import ArrayForm, ArrayNetwork, array_network, settled
from nt_host.systems.eqprop.chips import judged
from nt_host.systems.eqprop.digits import Digits
from nt_host.systems.eqprop.local_rule import LocalRule, LocalSettings, adapt_locally
from nt_host.systems.eqprop.network import Network, Nudge, energy, initial_network, input_drive, settle_rates
from nt_host.systems.eqprop.spikes import Relaxation, diffused_spikes, free_phase, nudged_phase
from nt_host.systems.eqprop.train import TrainSettings, predicted, train
from nt_model.corner import Corner
from nt_model.errors import UsageError
from nt_model.image import CODE_DEFAULT
from nt_model.image_file import image_bytes, parse_image

SMALL = TrainSettings(hidden=(60,), epochs=6, batch_size=20, levels=7)
SIZES = (12, 9, 7, 3)


def made_network(seed: int, sizes: tuple[int, ...] = SIZES) -> Network:
    rng = np.random.default_rng(seed)
    # Half the usual weights: such a network has one state of rest only, whichever way it gets there.
    weights = tuple(weight / 2 for weight in initial_network(sizes, rng).weights)
    return Network(weights, tuple(rng.uniform(0.1, 0.4, n).astype(np.float32) for n in sizes[1:]))


def small_digits() -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    return (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)


@pytest.mark.parametrize("seed", range(3))
def test_relaxation_lowers_the_energy_and_ends_at_rest(seed: int) -> None:
    network = made_network(seed)
    x = np.random.default_rng(seed).random((4, SIZES[0])).astype(np.float32)
    levels = [energy(network, x, settle_rates(network, x, n, step=0.1)) for n in range(1, 100, 7)]
    assert (np.diff(levels, axis=0) <= 1e-5).all()
    late, later = settle_rates(network, x, 400), settle_rates(network, x, 401)
    for one, other in zip(late, later, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def cost(network: Network, x: np.ndarray, y: np.ndarray) -> float:
    return float(0.5 * ((y - settle_rates(network, x, 600)[-1].astype(np.float64)) ** 2).sum())


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_contrast_of_two_nudged_phases_is_the_gradient_of_the_cost(layer: int) -> None:
    network = made_network(3)
    rng = np.random.default_rng(4)
    x, y = rng.random((2, SIZES[0])).astype(np.float32), rng.random((2, SIZES[-1])).astype(np.float32)
    free = settle_rates(network, x, 600)
    beta = 0.01
    pulled, pushed = ([x, *settle_rates(network, x, 600, free, Nudge(b, y))] for b in (beta, -beta))
    contrast = (pulled[layer].T @ pulled[layer + 1] - pushed[layer].T @ pushed[layer + 1]) / (2 * beta)
    h = np.float32(0.01)
    slopes = []
    for place in [(0, 1), (3, 2), (1, 1)]:
        costs = []
        for sign in (1, -1):
            weights = [w.copy() for w in network.weights]
            weights[layer][place] += sign * h
            costs.append(cost(Network(tuple(weights), network.biases), x, y))
        slope = (costs[0] - costs[1]) / float(2 * h)
        assert contrast[place] == pytest.approx(-slope, abs=2e-3 + 0.03 * abs(slope))
        slopes.append(abs(slope))
    assert max(slopes) > 0.02


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20), st.integers(1, 60))
@settings(max_examples=60)
def test_diffused_spikes_follow_their_rate_within_one_spike(rates: list[float], n_steps: int) -> None:
    x = np.array([rates], np.float32)
    spikes = np.array(diffused_spikes(x, n_steps))
    assert set(np.unique(spikes)) <= {0.0, 1.0}
    assert np.abs(spikes.sum(axis=0) - n_steps * x).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("spiking_input", [False, True])
def test_spikes_settle_where_graded_activities_do(spiking_input: bool) -> None:
    network = made_network(1)
    x = np.random.default_rng(1).random((30, SIZES[0])).astype(np.float32)
    long = Relaxation(free_steps=600, slowest=0.02)
    state, counts = free_phase(network, x, long, spiking_input=spiking_input)
    for found, count, wanted in zip(state.activities, counts, settle_rates(network, x, 400), strict=True):
        assert np.abs(found - wanted).mean() < 0.02
        assert np.abs(count / long.free_steps - wanted).mean() < 0.08


def test_a_nudge_moves_the_output_towards_the_target_and_no_nudge_moves_nothing_far() -> None:
    network = made_network(2)
    rng = np.random.default_rng(2)
    x, y = rng.random((20, SIZES[0])).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, 20)]
    how = Relaxation(free_steps=60, nudged_steps=20, slowest=0.1)
    free, _ = free_phase(network, x, how)
    off = {
        beta: float(
            ((nudged_phase(network, input_drive(network, x), free, how, Nudge(beta, y)).activities[-1] - y) ** 2).mean()
        )
        for beta in (-0.5, 0.0, 0.5)
    }
    assert off[0.5] < off[0.0] < off[-0.5]


Learner = tuple[Network, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def learned() -> Learner:
    """A small network trained on three quarters of the 8 x 8 digits, and the last quarter."""
    x, labels = small_digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    cut = 3 * len(x) // 4
    network = train(x[order[:cut]], labels[order[:cut]], SMALL, 0)
    return network, x[order[cut:]], labels[order[cut:]]


def test_a_small_spiking_learner_with_4_bit_weights_classifies_digits(
    learned: Learner,
) -> None:
    network, x, labels = learned
    for weight, step in zip(network.weights, network.steps, strict=True):
        whole = weight / step
        np.testing.assert_allclose(whole, np.rint(whole), atol=1e-4)
        assert np.abs(whole).max() <= 7.001
    assert (predicted(network, x, SMALL.relaxation) == labels).mean() > 0.85
    longer = replace(SMALL.relaxation, free_steps=32)
    assert (predicted(network, x, longer, spiking_input=True) == labels).mean() > 0.85


def test_without_a_nudge_nothing_is_learned() -> None:
    x, labels = small_digits()
    before = train(x[:200], labels[:200], replace(SMALL, epochs=0), 0)
    after = train(x[:200], labels[:200], replace(SMALL, epochs=1, beta=1e-9, rates=(1e-9, 1e-9)), 0)
    for one, other in zip(before.weights, after.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def on_chip(learned: Learner) -> tuple[ArrayNetwork, ChipClient]:
    """The small network on an ideal chip."""
    on_array = array_network(learned[0], ArrayForm())
    chip, _ = simulated_chip(parse_image(image_bytes(on_array.image)), Corner("ideal"), 0)
    return on_array, chip


def test_the_array_holds_the_same_integers_in_both_directions(on_chip: tuple[ArrayNetwork, ChipClient]) -> None:
    image = on_chip[0].image
    hidden, output = (layer.weight for layer in image.layers)
    lines = len(hidden.T) // 2
    np.testing.assert_array_equal(hidden[:, 64:lines].T, output)
    np.testing.assert_array_equal(hidden[:, lines + 64 :].T, -output)
    assert not hidden[:, lines : lines + 64].any()


def test_the_settling_array_classifies_as_the_network_does(
    learned: Learner, on_chip: tuple[ArrayNetwork, ChipClient]
) -> None:
    network, x, labels = learned
    shown = settled(on_chip[1], on_chip[0], x, 3)
    assert len(shown) == 3
    assert (predict(on_chip[0].image.readout_class, shown[-1].counts[-1]) == labels).mean() > 0.8
    wanted = settle_rates(network, x, 100)[0]
    assert np.corrcoef(shown[-1].hidden.ravel(), wanted.ravel())[0, 1] > 0.9


def test_the_array_refuses_floats() -> None:
    with pytest.raises(UsageError, match="rounded"):
        array_network(made_network(0, (12, 9, 3)), ArrayForm())


def test_a_code_follows_the_contrast_of_its_own_neuron_and_no_other() -> None:
    codes = np.full(4, 128, np.uint8)
    moved = LocalRule(codes, LocalSettings()).update(np.array([2.0, -2.0, 0.0, 1e-3]))
    assert moved[0] > 128
    assert moved[1] < 128
    assert moved[2] == 128
    other = LocalRule(codes, LocalSettings()).update(np.array([2.0, 5.0, -7.0, 1e-3]))
    assert other[0] == moved[0]
    assert other[3] == moved[3]


def test_a_code_stays_within_its_range_however_long_it_is_pulled() -> None:
    rule = LocalRule(np.array([250, 5], np.uint8), LocalSettings(steps=50, rate_code=16.0, end_share=1.0))
    for _ in range(50):
        codes = rule.update(np.array([1.0, -1.0]))
    np.testing.assert_array_equal(codes, [255, 0])


def stained(x: np.ndarray) -> np.ndarray:
    """The digits with a stripe of three columns that a stain has darkened."""
    images = x.reshape(-1, 8, 8).copy()
    images[:, :, 2:5] *= 0.3
    return images.reshape(-1, 64)


def test_the_local_rule_wins_back_what_a_stain_costs_and_random_labels_do_not(
    learned: Learner, on_chip: tuple[ArrayNetwork, ChipClient]
) -> None:
    on_array, chip = on_chip
    _, x, labels = learned
    worse = stained(x)
    fit, test = Digits(worse[:200], labels[:200]), Digits(worse[200:], labels[200:])
    start = np.full(on_array.image.n_codes, CODE_DEFAULT, np.uint8)
    how = LocalSettings(steps=40)
    move_codes(chip, start)
    before = judged(chip, on_array, test, 2)[2]
    adapt_locally(chip, on_array, fit, how, 0)
    after = judged(chip, on_array, test, 2)[2]
    move_codes(chip, start)
    mixed = Digits(fit.x, np.random.default_rng(1).permutation(fit.labels))
    adapt_locally(chip, on_array, mixed, how, 0)
    misled = judged(chip, on_array, test, 2)[2]
    move_codes(chip, start)
    assert after > before + 0.05
    assert misled < before
