"""Population readout: scores, ties, both accuracies."""

from __future__ import annotations

import numpy as np
import pytest

from nt_host.pretrain.trained import accuracies
from nt_host.readout import accuracy, class_scores, firing_classes, predict

PAIRS = np.array([0, 0, 1, 1], np.uint16)
SINGLES = np.array([0, 1, 2], np.uint16)


def test_score_is_the_spikes_of_the_population() -> None:
    counts = np.array([[3, 1, 0, 2]], np.uint8)
    assert class_scores(PAIRS, counts).tolist() == [[4, 2]]


def test_a_tie_goes_to_the_lower_class_or_to_the_larger_membrane() -> None:
    counts = np.array([[1, 0, 1]], np.uint8)
    assert predict(SINGLES, counts).tolist() == [0]
    membrane = np.array([[10, 99, 20]], np.int32)
    assert predict(SINGLES, counts, membrane).tolist() == [2], "only tied classes compare their membranes"


@pytest.mark.parametrize(
    ("counts", "fires"),
    [([0, 0, 0, 0], [False, False]), ([1, 0, 0, 0], [True, False]), ([5, 0, 1, 1], [True, True])],
)
def test_a_class_fires_when_half_of_its_population_spiked(counts: list[int], fires: list[bool]) -> None:
    assert firing_classes(PAIRS, np.array([counts], np.uint8)).tolist() == [fires]


def test_strict_with_one_neuron_per_class_is_the_papers() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2, (200, 3)).astype(np.uint8)
    labels = rng.integers(0, 3, 200)
    papers = (counts == np.eye(3, dtype=np.uint8)[labels]).all(axis=1).mean()
    assert accuracy(SINGLES, counts, labels).strict == papers


def test_both_accuracies_agree_with_the_ones_of_pretraining() -> None:
    rng = np.random.default_rng(1)
    spikes = rng.integers(0, 2, (300, 4)).astype(np.uint8)
    labels = rng.integers(0, 2, 300)
    found = accuracy(PAIRS, spikes, labels)
    assert (found.argmax, found.strict) == accuracies(spikes, labels, 2, 2)


def test_margin_is_in_spikes_per_neuron_of_a_class() -> None:
    counts = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.uint8)
    assert accuracy(PAIRS, counts, np.array([0, 0])).margin == 0.0
    assert accuracy(PAIRS, counts[:1], np.array([0])).margin == 1.0
