"""The voter that pools source and labels: what it gains from each, and what it must not use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.experiment.plans import PLANS
from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.teacher.lesson import lesson
from nt_host.teacher.linear_teacher import POOLED, taught, voting
from nt_host.teacher.pooled_discriminant import fitted_pool, pool, settled
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

NAMES = ("a", "b", "c", "d")
FEATURES = 16
PLAIN = EncoderSpec("count", "none", 8, np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32))
PLACES = np.random.default_rng(5).normal(0, 0.6, (len(NAMES), FEATURES))
UNSTEADY = np.linalg.qr(np.random.default_rng(6).normal(0, 1, (FEATURES, 2)))[0].T
"""Directions along which drift moves each class by an amount of its own."""
OWN_WAYS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) @ UNSTEADY


def world(per_class: int, seed: int, drift: float = 0.0, common: float = 0.0) -> Dataset:
    """Four classes; `drift` moves each along UNSTEADY, its own way, `common` all of them alike."""
    rng = np.random.default_rng(seed)
    labels = np.arange(len(NAMES) * per_class) % len(NAMES)
    values = PLACES[labels] + drift * OWN_WAYS[labels] + common + rng.normal(0, 0.35, (len(labels), FEATURES))
    return one_domain(values, labels, NAMES, "here")


def right(answers: NDArray[np.int64], test: Dataset) -> float:
    return float((answers == test.labels).mean())


def voted(voter: str, source: Dataset, labelled: Dataset, test: Dataset) -> float:
    return right(voting((voter,), PLAIN, source, labelled).answers(test.features), test)


def test_it_learns_a_shift_that_all_classes_share_from_one_label_each() -> None:
    source = world(30, 0)
    of_seeds = [voted(POOLED, source, world(1, seed, 0, 3.0), world(50, 99, 0, 3.0)) for seed in range(1, 6)]
    assert np.mean(of_seeds) > 0.95


def test_it_trusts_directions_less_along_which_classes_moved() -> None:
    source, labelled = world(30, 0), world(1, 1, 3.0)
    known = pool(source.features, source.labels, labelled.features, labelled.labels)
    scatter = fitted_pool(known).scatter
    along = np.einsum("uf,fg,ug->u", UNSTEADY, scatter, UNSTEADY)
    assert along.min() > 5 * np.median(np.linalg.eigvalsh(scatter))


def test_unlabelled_samples_improve_it() -> None:
    before, after = [], []
    for seed in range(8):
        source, labelled, seen, test = world(30, 0), world(1, seed + 1, 2.0), world(40, 60, 2.0), world(60, 61, 2.0)
        first = voting((POOLED,), PLAIN, source, labelled)
        last = taught(first, labelled, seen.features, source)
        before.append(right(first.answers(test.features), test))
        after.append(right(last.answers(test.features), test))
    assert np.mean(after) > np.mean(before)


def test_labels_that_say_nothing_leave_it_at_chance() -> None:
    rng = np.random.default_rng(3)
    found = []
    for seed in range(10):
        source, labelled, test = world(20, seed), world(2, 20 + seed), world(50, 50 + seed)
        mixed = [one_domain(each.features, rng.permutation(each.labels), NAMES, "here") for each in (source, labelled)]
        teacher = lesson(PLAIN, mixed[0], mixed[1], world(20, 80 + seed).features, voters=(POOLED,)).teacher
        found.append(right(teacher.answers(test.features), test))
    assert abs(np.mean(found) - 1 / len(NAMES)) < 0.15


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(1, 3))
def test_the_order_of_samples_does_not_matter_and_probabilities_are_shares(seed: int, per_class: int) -> None:
    rng = np.random.default_rng(seed)
    source, labelled, seen = world(12, 0), world(per_class, 1, 1.0), world(6, 2, 1.0)

    def shares(first: Dataset, second: Dataset, third: Dataset) -> NDArray[np.float64]:
        known = pool(first.features, first.labels, second.features, second.labels)
        start = fitted_pool(known).predict_proba(third.features)
        return settled(known, third.features, start).predict_proba(seen.features)

    plain = shares(source, labelled, seen)
    np.testing.assert_allclose(plain.sum(axis=1), 1)
    mixed = (each.take(rng.permutation(len(each))) for each in (source, labelled, seen))
    np.testing.assert_allclose(shares(*mixed), plain, atol=1e-6)


def test_a_class_without_a_label_is_never_answered_and_one_that_the_source_lacks_is_refused() -> None:
    source, labelled = world(20, 0), world(2, 1)
    teacher = lesson(PLAIN, source, labelled.take(labelled.labels < 2), source.features, voters=(POOLED,)).teacher
    assert set(teacher.answers(source.features)) == {0, 1}
    lacking = source.take(source.labels > 0)
    with pytest.raises(UsageError, match="no voter"):
        voting((POOLED,), PLAIN, lacking, labelled)
    without = lesson(PLAIN, lacking, labelled, source.features, voters=("lr",)).teacher
    beside = lesson(PLAIN, lacking, labelled, source.features, voters=("lr", POOLED)).teacher
    np.testing.assert_array_equal(beside.answers(source.features), without.answers(source.features))


def test_pooled_plans_have_that_voter_alone_and_no_labels_of_earlier_domains() -> None:
    plans = [plan for plan in PLANS.values() if "-pooled" in plan.name]
    made = [plan for plan in plans if "-made" in plan.name]
    assert len(plans) == 22
    assert len(made) == 5
    assert all(plan.voters == (POOLED,) and not plan.remembers for plan in plans)
    for plan in plans:
        assert bool(plan.unlabelled) == (plan not in made)
        assert bool(plan.made_up or plan.imagined) == (plan in made)
