"""Noisy bisection on a response that is known: normal and inverted, with and without noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_calib.search import NoisyBisection


def run(crossings: np.ndarray, falling: np.ndarray, noise: float, rounds: int, reads: int, seed: int) -> NoisyBisection:
    rng = np.random.default_rng(seed)
    search = NoisyBisection(len(crossings), max(1.0, noise), falling)
    for _ in range(rounds):
        codes = search.next_codes()
        high = codes[:, None] + 0.5 + noise * rng.normal(size=(len(codes), reads)) >= crossings[:, None]
        search.update(codes, np.where(falling[:, None], ~high, high).sum(axis=1), reads)
    return search


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 256), st.booleans()), min_size=1, max_size=30))
def test_without_noise_every_crossing_is_found(channels: list[tuple[int, bool]]) -> None:
    crossings = np.array([crossing for crossing, _ in channels], np.float64)
    falling = np.array([inverted for _, inverted in channels])
    mean, sd = run(crossings, falling, 0.0, 14, 4, 0).crossing()
    assert (np.abs(mean - crossings) <= 1.5).all()
    assert (sd < 3).all()


@pytest.mark.parametrize("inverted", [False, True])
def test_under_noise_the_error_is_what_the_search_says_it_is(inverted: bool) -> None:
    rng = np.random.default_rng(4)
    crossings = rng.uniform(20, 236, 400)
    mean, sd = run(crossings, np.full(400, inverted), 3.0, 16, 6, 1).crossing()
    score = (mean - crossings - 0.0) / sd
    assert np.abs(np.median(score)) < 0.5
    assert 0.5 < np.std(score) < 1.6
    assert np.median(sd) < 1.0


def test_told_the_wrong_direction_it_finds_nothing() -> None:
    crossings = np.full(50, 100.0)
    rising = np.zeros(50, bool)
    search = NoisyBisection(50, 1.0, ~rising)
    for _ in range(14):
        codes = search.next_codes()
        search.update(codes, np.where(codes + 0.5 >= crossings, 4, 0), 4)
    assert (np.abs(search.crossing()[0] - crossings) > 20).all()
