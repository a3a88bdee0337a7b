"""Spiking networks of tables 6 to 8: closed form against a loop, the rule's direction, what each way moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nt_host.paper.recipe import Tuning
from nt_host.paper.spiking import (
    N_STEPS,
    SpikingNetwork,
    class_error,
    held_out_accuracy,
    spike_counts,
    spiking_accuracy,
    spiking_network,
)
from nt_model.errors import UsageError
from tests.host.paper.made import made_layers, made_split, made_task


def counted(drive: np.ndarray, n_steps: int) -> np.ndarray:
    """Spikes by stepping: integrate, fire at 1, begin anew at 0."""
    membrane = np.zeros(drive.shape, np.float64)
    spikes = np.zeros(drive.shape, np.int64)
    for _ in range(n_steps):
        membrane += drive
        fired = membrane >= 1 - 1e-6
        spikes += fired
        membrane[fired] = 0
    return spikes


@given(hnp.arrays(np.float32, 30, elements=st.floats(-2, 3, width=32)), st.integers(1, 40))
def test_counts_in_closed_form_are_those_of_the_loop(drive: np.ndarray, n_steps: int) -> None:
    # Within 1e-5 of 1/k a sum of k steps may round to either side of the threshold.
    with np.errstate(divide="ignore"):
        inverse = 1 / np.maximum(drive.astype(np.float64), 1e-30)
    clear = (np.abs(inverse - np.rint(inverse)) > 1e-5 * np.maximum(inverse, 1)) | (drive >= 1)
    assert np.array_equal(spike_counts(drive, n_steps)[clear], counted(drive, n_steps)[clear])


@pytest.mark.parametrize("period", [1, 2, 3, 5, 7, 10])
def test_an_exact_share_of_the_threshold_spikes_in_time(period: int) -> None:
    assert spike_counts(np.array([1 / period], np.float32), 10) == 10 // period


def test_errors_are_signs_of_target_minus_output() -> None:
    scores = np.array([[1, 3, 2], [2, 2, 1], [0, 0, 5]], np.float32)
    found = class_error(scores, np.array([0, 0, 2]), needs_spike=True)
    assert found.tolist() == [[1, -1, 0], [0, -1, 0], [0, 0, 0]]


def test_a_silent_network_is_told_to_spike() -> None:
    silent, y = np.zeros((1, 3), np.float32), np.array([1])
    assert class_error(silent, y, needs_spike=True).tolist() == [[0, 1, 0]]
    assert class_error(silent, y, needs_spike=False).tolist() == [[-1, 0, -1]]


@pytest.mark.parametrize("has_head", [True, False])
@pytest.mark.parametrize("method", ["nt1", "nt2", "additive", "tft"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_each_way_moves_only_what_it_may(method: str, has_head: bool, n_layers: int) -> None:
    frozen, task, split = made_layers(n_layers), made_task(has_head=has_head), made_split(0)
    current = split.x @ frozen.weights[0].T + frozen.biases[0]
    kept = [each.copy() for each in frozen.weights]
    network = spiking_network(frozen, task, split.x, split.y, current, Tuning(method, 0.05), 0)
    moved = {
        "gain": any((layer.gain != 1).any() for layer in network.layers),
        "shift": any((layer.shift != 0).any() for layer in network.layers),
        "weight": any((a.weight != b).any() for a, b in zip(network.layers, kept, strict=True)),
    }
    expected = {"nt1": "gain", "nt2": "gain", "additive": "shift", "tft": "weight"}[method]
    assert moved == {name: name == expected for name in moved}
    assert all((a == b).all() for a, b in zip(frozen.weights, kept, strict=True)), "the pretrained weights were written"
    assert (network.head != 0).any() == has_head


def test_tuning_helps_where_classes_are_read_from_outputs() -> None:
    frozen, task = made_layers(), made_task(has_head=False)
    before, *after = (
        np.mean([spiking_accuracy(frozen, task, Tuning(method, rate, epochs=30), run) for run in range(3)])
        for method, rate in (("none", 0.01), ("nt1", 0.01), ("nt2", 0.01), ("additive", 0.003), ("tft", 0.003))
    )
    assert min(after) > before + 0.1


def test_labels_drawn_at_random_teach_nothing() -> None:
    """Negative control: with shuffled labels the tuned network stays near chance."""
    frozen = made_layers()

    def shuffled(run: int):  # type: ignore[no-untyped-def]
        split = made_split(run)
        return replace(split, y=np.random.default_rng(run).permutation(split.y))

    task = replace(made_task(), split=shuffled)
    assert np.mean([spiking_accuracy(frozen, task, Tuning("nt1", 0.05), run) for run in range(4)]) < 0.55
    assert spiking_accuracy(frozen, made_task(), Tuning("nt1", 0.05), 0) > 0.7


def test_the_same_run_gives_the_same_accuracy_and_rates_are_chosen_off_the_test() -> None:
    frozen, task = made_layers(), made_task()
    once, again = (spiking_accuracy(frozen, task, Tuning("nt2", 0.05), 1) for _ in range(2))
    assert once == again
    split = made_split(1)
    blind = replace(task, split=lambda run: replace(split, y_test=np.zeros_like(split.y_test)))
    held = [held_out_accuracy(frozen, each, Tuning("nt2", 0.05), 1) for each in (task, blind)]
    assert held[0] == held[1]


def test_thresholds_let_the_strongest_neurons_spike_at_every_step() -> None:
    frozen, split = made_layers(2), made_split(0)
    network = SpikingNetwork(frozen, 3, (), split.x)
    current = split.x @ frozen.weights[0].T + frozen.biases[0]
    activity, drives, _ = network.run(current)
    assert [drive.shape[1] for drive in drives] == list(frozen.sizes[1:])
    assert all((drive.max() >= 1) and (np.mean(drive >= 1) < 0.01) for drive in drives)
    assert activity[-1].max() == 1
    assert set(np.unique(np.rint(activity[-1] * N_STEPS))) <= {0, 1, 2, 3, 5, 10}


def test_no_way_of_tuning_is_refused() -> None:
    with pytest.raises(UsageError):
        Tuning("nt3", 0.1)
    with pytest.raises(UsageError):
        Tuning("nt1", 0)
