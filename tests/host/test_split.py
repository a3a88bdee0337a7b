"""Draws: seeded, stratified, disjoint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_host.adapt.batches import BatchDraw
from nt_host.tasks import Target, split_target
from nt_host.tasks.dataset import one_domain
from nt_host.tasks.split import draw_per_class, hold_out
from nt_model.errors import UsageError

LABELS = st.lists(st.integers(0, 3), min_size=8, max_size=60).map(lambda labels: np.array([0, 0, *labels], np.int64))


def target_of(labels: np.ndarray, repetition: np.ndarray | None = None, own_test: bool = False) -> Target:
    features = np.arange(len(labels), dtype=np.float32)[:, None]
    names = tuple(str(n) for n in range(int(labels.max()) + 1))
    data = one_domain(features, labels, names, "here")
    return Target("here", data, data if own_test else None, repetition)


@given(LABELS, st.integers(1, 10), st.integers(0, 99))
def test_labelled_and_test_share_no_sample_and_no_class_is_lost(labels: np.ndarray, k: int, seed: int) -> None:
    rows = draw_per_class(labels, k, seed)
    for label in np.unique(labels):
        size = int((labels == label).sum())
        assert int((labels[rows] == label).sum()) == max(1, min(k, size // 2))
    if len(rows) < len(labels):
        split = split_target(target_of(labels), k, seed)
        together = np.concatenate([split.labelled.features, split.test.features])[:, 0]
        assert sorted(together) == list(range(len(labels)))


@given(LABELS, st.floats(0, 0.9), st.integers(0, 99))
def test_hold_out_keeps_every_class_in_the_fit(labels: np.ndarray, share: float, seed: int) -> None:
    fit, held = hold_out(labels, share, seed)
    assert set(labels[fit]) == set(labels)
    assert sorted([*fit, *held]) == list(range(len(labels)))
    again = hold_out(labels, share, seed)
    np.testing.assert_array_equal(fit, again[0])


@pytest.mark.parametrize("wanted", [1, 2])
def test_a_repetition_is_drawn_whole(wanted: int) -> None:
    labels = np.repeat([0, 1], 12)
    repetition = np.tile(np.repeat([0, 1, 2], 4), 2)
    split = split_target(target_of(labels, repetition, own_test=True), wanted, seed=5)
    rows = split.labelled.features[:, 0].astype(int)
    for label in (0, 1):
        mine = rows[labels[rows] == label]
        assert len(mine) == 4 * wanted
        assert len(set(repetition[mine])) == wanted


def test_the_seed_decides_the_draw() -> None:
    labels = np.repeat(np.arange(4), 20)
    assert draw_per_class(labels, 5, 1).tolist() == draw_per_class(labels, 5, 1).tolist()
    assert draw_per_class(labels, 5, 1).tolist() != draw_per_class(labels, 5, 2).tolist()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 30), st.integers(0, 9), st.integers(0, 99))
def test_every_class_has_its_share_of_a_batch(classes: list[int], batch: int, seed: int, step: int) -> None:
    labels = np.array(classes)
    rows = BatchDraw(labels, batch, seed).rows(step)
    assert rows.tolist() == BatchDraw(labels, batch, seed).rows(step).tolist()
    shares = np.bincount(labels[rows], minlength=5)[np.unique(labels)]
    assert len(rows) == batch
    assert shares.max() - shares.min() <= 1


def test_no_label_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one labelled sample"):
        split_target(target_of(np.array([0, 0, 1, 1])), 0, 0)
