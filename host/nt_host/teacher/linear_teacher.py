"""Teacher: linear models vote, then a linear discriminant learns from the labels and from its own answers.

The vote is the mean class probability of the voters. `lr` and `lda` are `nt_host.experiment.linear_baseline`'s: `lr`
knows the source and the labels, `lda` the labels alone, and only where there are more labels than classes. `drift`
(`nt_host.teacher.drift_model`) moves the source's classes by what the labels say of the shift. `pooled`
(`nt_host.teacher.pooled_discriminant`) is a discriminant of both; where it votes, it also learns from the unlabelled
samples, as its module tells. Elsewhere each of at most ROUNDS rounds fits a discriminant with shrinkage (Ledoit and
Wolf 2004) on the labelled samples, LABEL_COPIES times each, and on all unlabelled ones under the answers of the round
before: self-training, Scudder 1965, IEEE Transactions on Information Theory 11, 363. Classes that no labelled sample
has are never answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.experiment.linear_baseline import LINEAR_RULES, fitted, standardised
from nt_host.tasks.dataset import Dataset, joined
from nt_host.teacher.drift_model import fitted_drift
from nt_host.teacher.pooled_discriminant import Pool, fitted_pool, pool, settled
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float32]
ProbabilityArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

TEACHER_RULE = "teacher"
"""What an experiment calls the teacher where it runs alone, without a chip."""
DRIFT = "drift"
POOLED = "pooled"
VOTERS = (*LINEAR_RULES, DRIFT, POOLED)
_OF_ALL_CLASSES = (DRIFT, POOLED)
"""Voters that need source samples of every labelled class."""
USUAL_VOTERS = LINEAR_RULES
ROUNDS = 8
LABEL_COPIES = 3
"""How often a labelled sample counts where an unlabelled one counts once."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """Models whose mean class probability answers.

    Attributes:
        encoder: of the image, whose transform, shift and scale the models see features through.
        classes: (k,) int64, the classes that it may answer, ascending.
        models: fitted scikit-learn classifiers, at least one.
    """

    encoder: EncoderSpec
    classes: Int64Array
    models: tuple[Any, ...]

    def shares(self, values: FloatArray) -> ProbabilityArray:
        """(n, k) mean probability of each of `classes`, each model's over these alone, by standardised features."""
        total = np.zeros((len(values), len(self.classes)))
        for model in self.models:
            among = np.isin(model.classes_, self.classes)
            share = model.predict_proba(values)[:, among] + np.finfo(np.float64).tiny
            total += share / share.sum(axis=1, keepdims=True)
        return total / len(self.models)

    def predict(self, values: FloatArray) -> Int64Array:
        """As `answers`, by standardised features, as the models themselves take them."""
        answered: Int64Array = self.classes[self.shares(values).argmax(axis=1)].astype(np.int64)
        return answered

    def answers(self, features: FloatArray) -> Int64Array:
        """(n,) the most probable class of each sample of features (n, F)."""
        return self.predict(standardised(self.encoder, features))


def voting(
    voters: Sequence[str], encoder: EncoderSpec, source: Dataset, labelled: Dataset, earlier: Dataset | None = None
) -> Teacher:
    """The vote of `voters` (of VOTERS, at least one) after `source` and `labelled`.

    Where samples labelled in `earlier` domains are given, `lr` weighs them like those of today; to the other voters
    they are nothing.

    Raises:
        UsageError: a voter is unknown, or none can learn from so few labels.
    """
    unknown = [voter for voter in voters if voter not in VOTERS]
    classes = np.unique(labelled.labels)
    able = [voter for voter in voters if voter != "lda" or len(labelled) > len(classes)]
    if not np.isin(classes, source.labels).all():
        able = [voter for voter in able if voter not in _OF_ALL_CLASSES]
    if unknown or not able:
        raise UsageError(
            "the teacher has no voter that can learn here",
            evidence=f"voters: {', '.join(voters)}; {len(labelled)} labels of {len(classes)} classes",
            next_step=f"choose among {', '.join(VOTERS)}; `lda` needs more labels than classes, "
            f"{' and '.join(f'`{voter}`' for voter in _OF_ALL_CLASSES)} a source with all of them",
        )
    return Teacher(encoder, classes, tuple(_voter(voter, encoder, source, labelled, earlier) for voter in able))


def _voter(voter: str, encoder: EncoderSpec, source: Dataset, labelled: Dataset, earlier: Dataset | None) -> Any:
    if voter == "lr" and earlier is not None:
        return fitted(voter, encoder, source, joined([earlier, labelled]))
    if voter == POOLED:
        return fitted_pool(_pool(encoder, source, labelled))
    if voter != DRIFT:
        return fitted(voter, encoder, source, labelled)
    source_values, values = (standardised(encoder, each.features) for each in (source, labelled))
    return fitted_drift(source_values, source, values, labelled)


def _pool(encoder: EncoderSpec, source: Dataset, labelled: Dataset) -> Pool:
    source_values, values = (standardised(encoder, each.features) for each in (source, labelled))
    return pool(source_values, source.labels, values, labelled.labels)


def taught(first: Teacher, labelled: Dataset, unlabelled: FloatArray, source: Dataset | None = None) -> Teacher:
    """A discriminant that begins with the answers of `first` on `unlabelled` (m, F) and learns from its own.

    With a `source`, which must hold all labelled classes, it is the pooled one.

    Raises:
        UsageError: there is no unlabelled sample, or their features do not fit.
    """
    if unlabelled.ndim != 2 or not len(unlabelled) or unlabelled.shape[1] != labelled.n_features:
        raise UsageError(
            "the unlabelled samples do not fit the labelled ones",
            evidence=f"features of shape {unlabelled.shape}; {labelled.n_features} features per labelled sample",
            next_step="give at least one sample with the same features",
        )
    if source is not None:
        values = standardised(first.encoder, unlabelled)
        model = settled(_pool(first.encoder, source, labelled), values, first.shares(values))
        return Teacher(first.encoder, first.classes, (model,))
    teacher, answers = first, first.answers(unlabelled)
    for _ in range(ROUNDS):
        lesson = with_answers(labelled, unlabelled, answers)
        teacher = Teacher(first.encoder, first.classes, (fitted("lda", first.encoder, lesson, None),))
        before, answers = answers, teacher.answers(unlabelled)
        if (answers == before).all():
            break
    return teacher


def with_answers(labelled: Dataset, unlabelled: FloatArray, answers: Int64Array) -> Dataset:
    """The labelled samples, LABEL_COPIES times each, and after them `unlabelled` (m, F) under `answers` (m,)."""
    rows = np.tile(np.arange(len(labelled)), LABEL_COPIES)
    return Dataset(
        np.concatenate([labelled.features[rows], unlabelled.astype(np.float32)]),
        np.concatenate([labelled.labels[rows], answers]).astype(np.int64),
        np.concatenate([labelled.domain[rows], np.full(len(answers), labelled.domain[0])]).astype(np.int64),
        labelled.class_names,
        labelled.domain_names,
    )
