"""Votes of whole classes: the whole-number error is that of softmax and sigmoid in float."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.rules.election import Election
from tests.host.rules.toy import SEEDS

SLOPE, HALF = 6.0, 0.5


def float_error(
    votes: NDArray[np.int64], population: NDArray[np.int64], steps: int, labels: NDArray[np.int64]
) -> object:
    """The equations of `election` in float, without the rule that small errors count as none."""
    n_classes = len(population)
    score = SLOPE * (votes / steps - population / 2) / np.sqrt(population)
    wanted = labels[:, None] == np.arange(n_classes)
    share = np.exp(score - score.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    weight = np.where(wanted, max(1.0, n_classes / 3), 1.0) / n_classes
    error = share - wanted + HALF * weight * (1 / (1 + np.exp(-score)) - wanted)
    scaled: NDArray[np.float64] = error * np.sqrt(population.min() / population)
    return scaled


@settings(deadline=None)
@given(SEEDS, st.integers(2, 12), st.integers(1, 9))
def test_the_error_is_that_of_the_float_equations(seed: int, n_classes: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    population = rng.integers(1, 600, n_classes)
    readout = np.repeat(np.arange(n_classes), population).astype(np.uint16)
    election = Election(readout, n_classes, steps, slope=SLOPE, half_weight=HALF)
    spikes = rng.integers(0, steps + 1, (7, len(readout))).astype(np.uint8)
    labels = rng.integers(0, n_classes, 7)
    votes = election.votes(spikes)
    expected = np.stack([np.bincount(readout, weights=row, minlength=n_classes) for row in spikes]).astype(np.int64)
    np.testing.assert_array_equal(votes, expected)
    # Parts below 1 % are dropped from either loss.
    np.testing.assert_allclose(
        election.error(votes, labels) / 2**15, float_error(votes, population, steps, labels), atol=0.026
    )


def test_a_sure_vote_for_the_label_is_no_error_and_one_against_it_is_the_largest() -> None:
    election = Election(np.repeat(np.arange(3), 100).astype(np.uint16), 3, 1, slope=SLOPE, half_weight=HALF)
    votes = np.array([[100, 0, 0]])
    assert not election.error(votes, np.array([0])).any()
    wrong = election.error(votes, np.array([1]))[0]
    whole = 1 + HALF / 3
    np.testing.assert_allclose(wrong / 2**15, [whole, -whole, 0], atol=1e-3)


@pytest.mark.parametrize("steps", [1, 255])
def test_huge_slopes_and_populations_stay_within_their_width(steps: int) -> None:
    readout = np.repeat(np.arange(2), 5000).astype(np.uint16)
    election = Election(readout, 2, steps, slope=1e6, half_weight=1e6)
    votes = np.array([[5000 * steps, 0], [0, 5000 * steps]])
    error = election.error(votes, np.array([1, 1]))
    assert error[0].tolist() == [(1 << 17) - 1, 1 - (1 << 17)]
    assert error[1].tolist() == [0, 0]
