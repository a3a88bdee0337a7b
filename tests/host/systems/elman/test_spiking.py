"""The constrained network in integers, the delay line, and questions on a chip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.compile import NetworkLayer
from nt_host.fleet.simulated import simulated_chip
from nt_host.systems.elman.constrained import ElmanNetwork, digital_levels, digital_scores
from nt_host.systems.elman.delay import DelayLine
from nt_host.systems.elman.spec import FAN_IN, N_STEPS, TOP_LEVEL
from nt_host.systems.elman.spiking import spiking_scores
from nt_host.systems.elman.words import WordRows
from nt_model.corner import corner_named
from nt_model.errors import UsageError
from nt_model.image_file import image_bytes, parse_image


def network_of(seed: int, n_words: int = 6, word_inputs: int = 5, hidden: int = 7) -> ElmanNetwork:
    rng = np.random.default_rng(seed)

    def layer(neurons: int, inputs: int) -> NetworkLayer:
        return NetworkLayer(
            rng.integers(-7, 8, (neurons, inputs)), rng.integers(-3, 6, neurons), rng.integers(1, 6000, neurons)
        )

    levels = rng.integers(0, TOP_LEVEL + 1, (n_words, word_inputs)).astype(np.uint8)
    readout = np.repeat(np.arange(3, dtype=np.uint16), 2)
    return ElmanNetwork(levels, layer(hidden, word_inputs + hidden), layer(6, hidden), readout)


def rows_of(seed: int, n: int = 9, n_words: int = 6, longest: int = 5) -> WordRows:
    rng = np.random.default_rng(seed)
    words = rng.integers(0, n_words, (n, longest))
    return WordRows(words, np.zeros_like(words), rng.integers(1, longest + 1, n))


def scores_on(network: ElmanNetwork, rows: WordRows, corner: str = "ideal", **how: bool) -> np.ndarray:
    image = network.image()
    chip, _ = simulated_chip(parse_image(image_bytes(image)), corner_named(corner), 5)
    scores = spiking_scores(chip, image, network, rows, **how)
    chip.close()
    return scores


def spikes_by_hand(layer: NetworkLayer, raster: np.ndarray) -> np.ndarray:
    """The array's equations for one presentation, neuron by neuron: raster (T, M) -> (T, N)."""
    out = np.zeros((len(raster), len(layer.weight)), np.uint8)
    for neuron, (weight, bias, theta) in enumerate(zip(layer.weight, layer.bias, layer.threshold_q8, strict=True)):
        membrane = 0
        for step, events in enumerate(raster):
            membrane += 256 * (int(weight @ events.astype(np.int64)) + int(bias))
            if membrane >= theta:
                membrane, out[step, neuron] = 0, 1
    return out


def scores_by_hand(network: ElmanNetwork, words: np.ndarray, *, connected: bool = True) -> np.ndarray:
    levels, scores = np.zeros(network.n_hidden, np.int64), np.zeros(3, np.int64)
    for word in words:
        inputs = np.concatenate([network.word_level[word].astype(np.int64), levels * connected])
        steps = np.arange(N_STEPS)[:, None]
        raster = ((steps + 1) * inputs // N_STEPS > steps * inputs // N_STEPS).astype(np.uint8)
        hidden = spikes_by_hand(network.hidden, raster)
        levels = hidden.sum(axis=0, dtype=np.int64)
        counts = spikes_by_hand(network.output, hidden).sum(axis=0)
        scores += np.bincount(network.readout_class, counts, 3).astype(np.int64)
    return scores


@pytest.mark.parametrize("connected", [True, False])
def test_a_chip_gives_the_counts_of_the_unrolled_recurrence(connected: bool) -> None:
    network, rows = network_of(1), rows_of(2)
    found = scores_on(network, rows, connected=connected)
    for row, length in enumerate(rows.lengths):
        by_hand = scores_by_hand(network, rows.words[row, :length], connected=connected)
        np.testing.assert_array_equal(found[row], by_hand)


def test_the_delay_line_matters_and_the_last_state_is_the_last_presentation() -> None:
    network, rows = network_of(1), rows_of(2)
    whole = scores_on(network, rows)
    assert (whole != scores_on(network, rows, connected=False)).any()
    before = replace(rows, lengths=np.maximum(rows.lengths - 1, 1))
    longer = rows.lengths > 1
    last = scores_on(network, rows, last_state=True)
    np.testing.assert_array_equal(last[longer], (whole - scores_on(network, before))[longer])
    np.testing.assert_array_equal(last[~longer], whole[~longer])


def test_a_question_does_not_hear_its_neighbours() -> None:
    network, rows = network_of(3), rows_of(4)
    whole = scores_on(network, rows)
    for row in range(len(rows)):
        np.testing.assert_array_equal(scores_on(network, rows.take(np.array([row])))[0], whole[row])


def test_a_mismatched_chip_counts_otherwise() -> None:
    network, rows = network_of(1), rows_of(2)
    assert (scores_on(network, rows) != scores_on(network, rows, "worn")).any()


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_under_a_steady_current_the_arrays_counts_never_exceed_the_digital_levels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = NetworkLayer(rng.integers(-7, 8, (4, 3)), rng.integers(-9, 10, 4), rng.integers(1, 9000, 4))
    inputs = rng.integers(0, 2, 3) * TOP_LEVEL
    raster = np.broadcast_to(inputs // TOP_LEVEL, (N_STEPS, 3)).astype(np.uint8)
    counts = spikes_by_hand(layer, raster).sum(axis=0)
    levels = digital_levels(layer, inputs[None])[0]
    assert ((levels >= 0) & (levels <= TOP_LEVEL)).all()
    assert (counts <= levels).all()


def test_digital_levels_are_the_floor_of_charge_over_threshold() -> None:
    layer = NetworkLayer(np.array([[2, -1]]), np.array([1]), np.array([10 * 256 + 128]))
    # 2 * 15 - 5 + 15 = 40; 40 / 10.5 = 3.8
    assert digital_levels(layer, np.array([[15, 5]]))[0, 0] == 3
    assert digital_levels(layer, np.array([[0, 15]]))[0, 0] == 0


def test_the_digital_network_counts_all_words_or_the_last_alone() -> None:
    network, rows = network_of(1), rows_of(2)
    whole, last = digital_scores(network, rows), digital_scores(network, rows, last_state=True)
    np.testing.assert_array_equal(whole[rows.lengths == 1], last[rows.lengths == 1])
    assert (whole >= last).all()
    assert (whole > last).any()


def test_the_line_gives_back_what_it_took_one_presentation_before() -> None:
    line = DelayLine(3, 2)
    rows = np.array([0, 2])
    assert (line.out(np.arange(3)) == 0).all()
    line.put(rows, np.array([[1, 15], [3, 0]], np.uint8))
    np.testing.assert_array_equal(line.out(np.arange(3)), [[1, 15], [0, 0], [3, 0]])
    with pytest.raises(UsageError, match="delay line"):
        line.put(rows, np.full((2, 2), TOP_LEVEL + 1, np.uint8))
    cut = DelayLine(3, 2, connected=False)
    cut.put(rows, np.ones((2, 2), np.uint8))
    assert (cut.out(rows) == 0).all()


def test_a_network_beyond_the_constraints_is_refused() -> None:
    network = network_of(1)
    with pytest.raises(UsageError, match=r"0\.\.15"):
        replace(network, word_level=network.word_level + np.uint8(16))
    with pytest.raises(UsageError, match="do not fit"):
        replace(network, output=network.hidden)
    with pytest.raises(UsageError, match=f"more than {FAN_IN} synapses"):
        network_of(1, word_inputs=FAN_IN, hidden=FAN_IN)
