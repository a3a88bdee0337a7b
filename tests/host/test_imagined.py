"""Samples drawn from a teacher's own Gaussians: they teach what it knows, and come from labels and source alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.adapt.settings import AdaptSettings
from nt_host.experiment.cell import run_cell
from nt_host.experiment.plan import Plan
from nt_host.images import packaged_image
from nt_host.tasks import load_task, split_target
from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.teacher.imagined import imagined
from nt_host.teacher.lesson import lesson
from nt_host.teacher.linear_teacher import LABEL_COPIES, POOLED, Teacher, voting
from nt_host.teacher.made_up import differences, made_up
from nt_host.teacher.pooled_discriminant import PooledDiscriminant
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec
from nt_model.image_file import read_image

FEATURES = 12
NAMES = ("a", "b", "c")
ENCODER = EncoderSpec("count", "none", 8, np.full(FEATURES, 2, np.float32), np.full(FEATURES, 0.5, np.float32))
PLACES = np.random.default_rng(1).normal(0, 1.5, (len(NAMES), FEATURES))


def world(per_class: int, seed: int, shift: float = 0.0) -> Dataset:
    """Three classes round places of their own; `shift` moves all of them alike."""
    rng = np.random.default_rng(seed)
    labels = np.arange(len(NAMES) * per_class) % len(NAMES)
    values = PLACES[labels] + shift + rng.normal(0, 1, (len(labels), FEATURES))
    return one_domain(values.astype(np.float32), labels, NAMES, "here")


def pooled(labelled: Dataset) -> tuple[Teacher, PooledDiscriminant]:
    teacher = voting((POOLED,), ENCODER, world(40, 0), labelled)
    return teacher, teacher.models[0]


def test_they_have_the_means_and_the_scatter_of_the_teacher() -> None:
    _, model = pooled(world(2, 1, 1.0))
    features, classes = imagined(ENCODER, model, 60_000, 3)
    values = (features - ENCODER.offset) * ENCODER.scale
    assert np.bincount(classes).min() > 0.9 * len(values) / len(NAMES)
    apart = values - model.means[classes]
    for label in range(len(NAMES)):
        np.testing.assert_allclose(apart[classes == label].mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(apart.T @ apart / len(apart), model.scatter, atol=0.01)


def least_squares(values: NDArray[np.float32], classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights (F + 1, k) of class scores, the last row their offset."""
    wide = np.column_stack([values, np.ones(len(values))])
    return np.linalg.lstsq(wide, np.eye(len(NAMES))[classes], rcond=None)[0]


@pytest.mark.parametrize(("told", "low", "high"), [(True, 0.97, 1.0), (False, 0.1, 0.6)])
def test_a_linear_student_learns_the_teacher_from_them_but_not_from_mixed_up_classes(
    told: bool, low: float, high: float
) -> None:
    teacher, model = pooled(world(1, 1, 1.0))
    test = world(200, 9, 1.0).features
    features, classes = imagined(ENCODER, model, 5000, 3)
    weights = least_squares(features, classes if told else np.random.default_rng(0).permutation(classes))
    answers = (np.column_stack([test, np.ones(len(test))]) @ weights).argmax(axis=1)
    assert low <= (answers == teacher.answers(test)).mean() <= high


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(1, 30), st.integers(1, 30))
def test_a_lesson_is_a_function_of_labels_source_and_seed(seed: int, made: int, drawn: int) -> None:
    source, labelled = world(10, 0), world(2, 1)

    def taught(seed: int) -> Dataset:
        found = lesson(
            ENCODER,
            source,
            labelled,
            None,
            voters=(POOLED,),
            made_up_count=made,
            moves=2,
            imagined_count=drawn,
            seed=seed,
        )
        return found.samples

    first, again, other = taught(seed), taught(seed), taught(seed + 1)
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.labels, again.labels)
    given = LABEL_COPIES * len(labelled)
    assert len(first) == given + made + drawn
    assert not (first.features[given:] == other.features[given:]).all(axis=1).any()


def test_two_moves_are_the_sum_of_two_differences_of_the_source() -> None:
    source, labelled = world(4, 0), world(1, 5)
    apart = differences(ENCODER, source)
    sums = (apart[:, None] + apart[None]).reshape(-1, FEATURES)
    possible = (labelled.features[:, None] + sums[None]).reshape(-1, FEATURES)
    for sample in made_up(ENCODER, source, labelled, 20, 3, 2):
        assert np.abs(possible - sample).max(axis=1).min() < 1e-4


def test_what_cannot_be_drawn_is_refused() -> None:
    labelled = world(2, 1)
    with pytest.raises(UsageError, match="imagined"):
        imagined(ENCODER, pooled(labelled)[1], 0, 0)
    with pytest.raises(UsageError, match="made up"):
        made_up(ENCODER, labelled, labelled, 1, 0, 0)
    for voters in (("lr",), ("lr", POOLED)):
        with pytest.raises(UsageError, match="no Gaussians"):
            lesson(ENCODER, world(10, 0), labelled, None, voters=voters, imagined_count=5)


def test_neither_labels_nor_features_of_the_test_change_what_is_learned() -> None:
    task, loaded = load_task("digits", None), read_image(packaged_image("digits"))
    target = task.target("camera")
    split = split_target(target, 4, 0)
    quick = AdaptSettings(steps=5, batch_size=20, held_out=0)
    plan = Plan("digits", "digits", settings=quick, voters=(POOLED,), made_up=20, moves=2, imagined=20)

    def codes(test: Dataset) -> str:
        other = replace(target, pool=split.labelled, test=test)
        return run_cell(plan, loaded, other, 4, 0, source=task.source).codes

    rng = np.random.default_rng(0)
    noise = replace(
        split.test,
        features=rng.random(split.test.features.shape).astype(np.float32),
        labels=rng.permutation(split.test.labels),
    )
    assert codes(split.test) == codes(noise)
