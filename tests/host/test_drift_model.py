"""The voter that models drift, and a teacher that remembers: what they use and what they must not use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.experiment.lessons import labelled_before
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import PLANS
from nt_host.tasks.dataset import Dataset, joined
from nt_host.tasks.split import APART
from nt_host.tasks.task import Target, Task
from nt_host.teacher.drift_model import DriftModel, fitted_drift
from nt_host.teacher.lesson import lesson
from nt_host.teacher.linear_teacher import DRIFT, voting
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

NAMES = ("a", "b", "c")
DOMAINS = ("source", "first", "second")
FEATURES = 12
PLAIN = EncoderSpec("count", "none", 8, np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32))
PLACES = np.random.default_rng(9).normal(0, 2, (len(NAMES), FEATURES))
STRENGTH = np.random.default_rng(8).normal(0, 1, FEATURES)
"""Direction in which concentration moves a sample."""


def world(per_class: int, seed: int, shift: float = 0.0, domain: int = 0) -> Dataset:
    """Three classes, each a long line along STRENGTH, all moved alike: with `shift` 1 class a is where b was."""
    rng = np.random.default_rng(seed)
    labels = np.arange(len(NAMES) * per_class) % len(NAMES)
    values = (
        PLACES[labels] + rng.normal(0, 2, (len(labels), 1)) * STRENGTH + rng.normal(0, 0.1, (len(labels), FEATURES))
    )
    values += shift * (PLACES[1] - PLACES[0])
    return Dataset(
        values.astype(np.float32),
        labels.astype(np.int64),
        np.full(len(labels), domain, np.int64),
        NAMES,
        DOMAINS,
    )


def model(source: Dataset, labelled: Dataset) -> DriftModel:
    return fitted_drift(source.features, source, labelled.features, labelled)


def right(found: DriftModel, test: Dataset) -> float:
    return float((found.classes_[found.predict_proba(test.features).argmax(axis=1)] == test.labels).mean())


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_one_label_per_class_finds_a_shift_that_all_classes_share(shift: float) -> None:
    source = world(40, 0)
    of_seeds = [right(model(source, world(1, seed, shift)), world(60, 50 + seed, shift)) for seed in range(5)]
    assert np.mean(of_seeds) > 0.97


def test_without_the_labels_place_the_shift_is_not_found() -> None:
    source, test = world(40, 0), world(60, 51, 1.0)
    where_the_source_was = right(model(source, world(1, 1)), test)
    assert where_the_source_was < 0.7 < right(model(source, world(1, 1, 1.0)), test)


def test_labels_that_say_nothing_leave_it_at_chance() -> None:
    rng = np.random.default_rng(3)
    found = []
    for seed in range(10):
        source, labelled, test = world(40, seed), world(3, 20 + seed), world(60, 50 + seed)
        mixed = [replace(part, labels=rng.permutation(part.labels)) for part in (source, labelled)]
        found.append(right(model(*mixed), test))
    assert abs(np.mean(found) - 1 / 3) < 0.15


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99))
def test_the_order_of_samples_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, labelled, test = world(20, 0), world(2, 1, 0.5), world(10, 2, 0.5)
    shuffled = model(source.take(rng.permutation(len(source))), labelled.take(rng.permutation(len(labelled))))
    np.testing.assert_allclose(
        shuffled.predict_proba(test.features), model(source, labelled).predict_proba(test.features), atol=1e-3
    )


def test_a_class_in_two_clusters_is_not_taken_for_their_mean() -> None:
    def parted(per_class: int, seed: int) -> Dataset:
        plain = world(per_class, seed)
        far = (plain.labels == 0) & (np.arange(len(plain)) // len(NAMES) % 2 == 1)
        moved = plain.features + 4 * far[:, None] * np.random.default_rng(6).normal(0, 1, FEATURES).astype(np.float32)
        return replace(plain, features=moved)

    assert right(model(world(40, 0), parted(2, 1)), parted(60, 2)) > 0.95


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99))
def test_probabilities_are_shares(seed: int) -> None:
    share = model(world(10, 0), world(1, seed, 1.0)).predict_proba(10 * world(5, seed).features)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    assert (share >= 0).all()


def test_the_drift_voter_answers_labelled_classes_alone_and_needs_them_in_the_source() -> None:
    source, labelled = world(20, 0), world(2, 1)
    two = labelled.take(labelled.labels < 2)
    answers = voting((DRIFT,), PLAIN, source, two).answers(source.features)
    assert set(answers) <= {0, 1}
    with pytest.raises(UsageError, match="no voter"):
        voting((DRIFT,), PLAIN, source.take(source.labels < 2), labelled)
    assert len(voting(("lr", DRIFT), PLAIN, source.take(source.labels < 2), labelled).models) == 1


def a_task() -> Task:
    targets = (Target("first", world(30, 1, 0.5, 1)), Target("second", world(30, 2, 1.0, 2)))
    return Task("toy", world(30, 0), targets, 2)


def test_only_earlier_labels_are_remembered() -> None:
    plan = Plan("toy", "toy", voters=("lr",), unlabelled=APART, remembers=True)
    task = a_task()
    assert labelled_before(plan, task, "first", 2, 0) is None
    known = labelled_before(plan, task, "second", 2, 0)
    assert known is not None
    assert len(known) == 2 * len(NAMES)
    assert set(known.domain) == {1}
    assert labelled_before(replace(plan, remembers=False), task, "second", 2, 0) is None


def test_what_is_remembered_acts_through_the_regression_alone() -> None:
    source, labelled = world(20, 0), world(2, 1, 1.5)
    earlier = replace(world(10, 5, 1.0), labels=(world(10, 5).labels + 1) % len(NAMES))
    test = world(30, 6, 1.5)

    def answers(voter: str, known: Dataset | None) -> NDArray[np.int64]:
        return voting((voter,), PLAIN, source, labelled, known).answers(test.features)

    np.testing.assert_array_equal(answers(DRIFT, earlier), answers(DRIFT, None))
    np.testing.assert_array_equal(answers("lda", earlier), answers("lda", None))
    assert (answers("lr", earlier) != answers("lr", None)).any()


def test_a_lesson_never_holds_a_remembered_sample() -> None:
    source, labelled, earlier, seen = world(20, 0), world(2, 1), world(2, 2), world(5, 3)
    alone = lesson(PLAIN, source, labelled, seen.features, voters=("lr",))
    with_earlier = lesson(PLAIN, source, labelled, seen.features, voters=("lr",), earlier=earlier)
    np.testing.assert_array_equal(alone.samples.features, with_earlier.samples.features)


def test_joined_keeps_every_sample_in_its_order() -> None:
    parts = [world(2, 0), world(3, 1, domain=1)]
    both = joined(parts)
    np.testing.assert_array_equal(both.features, np.concatenate([part.features for part in parts]))
    assert list(both.domain) == [0] * 6 + [1] * 9


def test_every_remembering_plan_has_a_teacher() -> None:
    remembering = [plan for plan in PLANS.values() if plan.remembers]
    assert remembering
    assert all(plan.voters and plan.unlabelled == APART for plan in remembering)
