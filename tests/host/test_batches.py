"""Minibatches: a pure function of seed and step, drawn as NumPy's own generators would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.adapt.batches import BatchDraw
from nt_host.adapt.streams import STEPS_AT_ONCE, StepStreams, seed_words
from nt_model.core_batches import drawn_batches

seeds = st.integers(0, 2**32 - 1)


@given(st.lists(seeds, min_size=1, max_size=4))
@settings(deadline=None)
def test_seeds_are_those_of_numpy(entropy: list[int]) -> None:
    ours = seed_words(np.array([entropy, entropy[::-1]], np.uint32))
    assert ours[0].tolist() == np.random.SeedSequence(entropy).generate_state(8).tolist()
    assert ours[1].tolist() == np.random.SeedSequence(entropy[::-1]).generate_state(8).tolist()


@given(st.one_of(seeds, st.integers(0, 2**130)), st.integers(0, 99), st.integers(0, 2**32 - 1 - 2 * STEPS_AT_ONCE))
@settings(deadline=None)
def test_generators_are_those_of_numpy(seed: int, stream: int, first: int) -> None:
    streams = StepStreams(seed, stream)
    for step in (first, first + 1, first + STEPS_AT_ONCE, first):
        golden = np.random.default_rng([seed, stream, step])
        ours = streams.at(step)
        assert ours.integers(0, [7, 1, 300]).tolist() == golden.integers(0, [7, 1, 300]).tolist()
        assert ours.permutation(9).tolist() == golden.permutation(9).tolist()


@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_every_class_has_its_turn_and_each_sample_its_class(batch_size: int) -> None:
    labels = np.array([4, 0, 4, 4, 2, 0, 4, 4], np.int64)
    draw = BatchDraw(labels, batch_size, 3)
    seen = set()
    for step in range(60):
        rows = draw.rows(step)
        assert rows.shape == (batch_size,)
        assert rows.tolist() == BatchDraw(labels, batch_size, 3).rows(step).tolist()
        counts = np.unique(labels[rows], return_counts=True)[1]
        assert counts.max() - counts.min() <= 1
        seen |= set(rows.tolist())
    assert seen == set(range(len(labels)))


@pytest.mark.parametrize("classes_of", [(1, 0, 1, 1, 0, 2), (1, 0, 2, 2, 0, 1), (0, 1, 2)])
def test_draws_are_those_of_a_generator_per_step(classes_of: tuple[int, ...]) -> None:
    """One class after the other and a sample at random, as in the first release: runs resume over versions."""
    labels = np.array(classes_of, np.int64)
    members = {label: np.flatnonzero(labels == label) for label in (0, 1, 2)}
    for step in range(20):
        rng = np.random.default_rng([8, 3, step])
        classes = np.resize(rng.permutation(np.array([0, 1, 2])), 7)
        golden = [int(members[label][rng.integers(0, len(members[label]))]) for label in classes]
        assert BatchDraw(labels, 7, 8).rows(step).tolist() == golden


@given(st.one_of(seeds, st.integers(0, 2**70)), st.lists(st.integers(1, 40), min_size=1, max_size=9), seeds)
@settings(deadline=None)
def test_c_and_numpy_draw_alike(seed: int, counts: list[int], step: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    draw = BatchDraw(labels, 17, seed)
    for each in {step, step - step % STEPS_AT_ONCE, max(0, step - 1)}:
        assert draw.rows(each).tolist() == draw.rows_in_python(each).tolist()


def test_c_and_numpy_draw_alike_where_numbers_are_drawn_again() -> None:
    """Of two million numbers below 2^20 + 1 some five hundred are refused."""
    rows = np.arange((1 << 20) + 1)
    seed = np.random.SeedSequence([7, 3]).generate_state(4, np.uint64)
    (drawn,) = drawn_batches(seed[None], 2 * len(rows), rows, np.zeros(1, np.int64), np.array([len(rows)]))
    golden = np.random.default_rng([7, 3]).integers(0, np.full(2 * len(rows), len(rows)))
    np.testing.assert_array_equal(drawn, golden)
