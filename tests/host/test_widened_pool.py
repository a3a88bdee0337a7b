"""Samples of the widened pool: their discriminant is the pool's, and they need a source with all classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_host.teacher.pooled_discriminant import LABEL_WEIGHT, pool
from nt_host.teacher.widened_pool import WIDTH, drawn_wide, widened
from nt_model.errors import UsageError
from tests.host.test_pooled_discriminant import NAMES, PLAIN, UNSTEADY, voted, world

MANY = 4000


def test_means_are_the_pools_and_the_scatter_goes_with_the_square_of_the_width() -> None:
    source, labelled = world(30, 0), world(3, 1, 1.0, 2.0)
    known = pool(source.features, source.labels, labelled.features, labelled.labels)
    drawn = drawn_wide(known, MANY, 0).reshape(len(NAMES), MANY, -1)
    count = known.source_is.sum(axis=0) + LABEL_WEIGHT * known.labelled_is.sum(axis=0)
    total = known.source_is.T @ known.source + LABEL_WEIGHT * known.labelled_is.T @ known.labelled
    means = total / count[:, None]
    np.testing.assert_allclose(drawn.mean(axis=1), means, atol=0.2)
    apart = np.concatenate([known.source - known.source_is @ means, known.labelled - known.labelled_is @ means])
    weight = np.concatenate([np.ones(len(known.source)), np.full(len(known.labelled), LABEL_WEIGHT)])
    expected = WIDTH**2 * apart.T @ (weight[:, None] * apart) / len(known.source)
    away = drawn - drawn.mean(axis=1, keepdims=True)
    found = np.einsum("kif,kig->fg", away, away) / (len(NAMES) * MANY)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_it_shows_every_class_where_only_labels_have_been() -> None:
    source, labelled = world(30, 0), world(1, 1, 3.0)
    lesson = widened(PLAIN, source, labelled, 500, 0)
    for label in range(len(NAMES)):
        mine = lesson.features[lesson.labels == label] @ UNSTEADY.T
        assert mine.std(axis=0).min() > 2 * (source.features @ UNSTEADY.T).std(axis=0).max()


def test_a_discriminant_of_the_lesson_does_as_the_pooled_one() -> None:
    source, labelled, test = world(30, 0), world(2, 1, 1.5, 2.0), world(50, 99, 1.5, 2.0)
    lesson = widened(PLAIN, source, labelled, 500, 0)
    taught = voted("lda", source, lesson, test)
    assert abs(taught - voted("pooled", source, labelled, test)) < 0.05
    assert voted("lda", source, source, test) < taught - 0.2


def test_only_labelled_classes_are_drawn_and_the_seed_decides() -> None:
    source, labelled = world(30, 0), world(2, 1)
    some = labelled.take(np.flatnonzero(labelled.labels != 2))
    lesson = widened(PLAIN, source, some, 7, 3)
    np.testing.assert_array_equal(np.bincount(lesson.labels), [7, 7, 0, 7])
    np.testing.assert_array_equal(lesson.features, widened(PLAIN, source, some, 7, 3).features)
    assert (lesson.features != widened(PLAIN, source, some, 7, 4).features).any()


def test_a_class_that_the_source_lacks_is_refused() -> None:
    source, labelled = world(30, 0), world(2, 1)
    with pytest.raises(UsageError, match="pooled"):
        widened(PLAIN, replace(source, labels=source.labels % 3), labelled, 7, 0)
