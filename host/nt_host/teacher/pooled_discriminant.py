"""Pooled discriminant: source and labels under one scatter, which so learns in which directions the sensors drifted.

A linear discriminant of the source's samples and the labelled ones together, these with a multiple of the weight, after
the source was moved by the mean distance of the labels from their classes there. What is left of a label's distance
becomes part of the scatter within classes: a discriminant then trusts a direction the less, the more a class has moved
along it beyond the shift that all share. Samples without labels join by expectation and maximisation (Dempster, Laird
and Rubin 1977, Journal of the Royal Statistical Society B 39, 1): each round weighs them by the shares of the round
before, softened, since the likelihood of 128 features that hang together is surer than it is right. The source stays in
with little weight: few samples alone do not span a scatter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

LABEL_WEIGHT = 10.0
"""Of a labelled sample beside the source's alone, as `nt_host.experiment.linear_baseline` weighs it."""
RIDGE = 0.001
"""Share of the mean variance that is added to each variance of the scatter, beside the source and labels alone."""
SETTLED_SOURCE_WEIGHT = 0.3
SETTLED_LABEL_WEIGHT = 3.0
SETTLED_RIDGE = 0.003
"""The same once unlabelled samples, of weight 1, have joined."""
SOFTNESS = 3.0
"""Root that is taken of shares before they weigh."""
ROUNDS = 8
SETTLED = 1e-3
"""Largest change of a share after which no further round follows."""


@dataclass(frozen=True, eq=False)
class PooledDiscriminant:
    """One Gaussian per class, all with one scatter; a classifier as scikit-learn has them.

    Attributes:
        classes_: (k,) int64, ascending.
        means: (k, F).
        scatter: (F, F).
    """

    classes_: Int64Array
    means: FloatArray
    scatter: FloatArray

    def predict_proba(self, values: NDArray[np.float32]) -> FloatArray:
        """(n, k) probability of each of `classes_` for standardised features (n, F), classes alike beforehand."""
        weights = np.linalg.solve(self.scatter, self.means.T)
        score = values @ weights - 0.5 * np.einsum("kf,fk->k", self.means, weights)
        likelihood = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True), np.float64)


@dataclass(frozen=True, eq=False)
class Pool:
    """Standardised samples of the source, moved by the common shift, and the labelled ones, of the same classes.

    Attributes:
        classes: (k,) int64, ascending.
        source: (n, F).
        source_is: (n, k), 1 where a sample has that class, else 0.
        labelled, labelled_is: the same of the labelled samples.
    """

    classes: Int64Array
    source: FloatArray
    source_is: FloatArray
    labelled: FloatArray
    labelled_is: FloatArray


def pool(
    source: NDArray[np.float32], source_labels: Int64Array, labelled: NDArray[np.float32], labels: Int64Array
) -> Pool:
    """The pool of standardised features (n, F); the source must hold every class of `labels` (m,), others are left
    out."""
    classes = np.unique(labels)
    told = np.isin(source_labels, classes)
    values, new = source[told].astype(np.float64), labelled.astype(np.float64)
    source_is, labelled_is = (
        np.equal.outer(each, classes).astype(np.float64) for each in (source_labels[told], labels)
    )
    means = source_is.T @ values / source_is.sum(axis=0)[:, None]
    shift = (new - labelled_is @ means).mean(axis=0)
    return Pool(classes, values + shift, source_is, new, labelled_is)


def _fitted(classes: Int64Array, values: FloatArray, weights: FloatArray, ridge: float) -> PooledDiscriminant:
    """The discriminant of samples (n, F) that belong to each class with the weights (n, k)."""
    of_class = weights.sum(axis=0)
    means = weights.T @ values / of_class[:, None]
    square = values.T @ (weights.sum(axis=1)[:, None] * values) - means.T @ (of_class[:, None] * means)
    scatter = square / of_class.sum()
    return PooledDiscriminant(classes, means, scatter + ridge * np.mean(np.diag(scatter)) * np.eye(len(scatter)))


def fitted_pool(known: Pool) -> PooledDiscriminant:
    """The discriminant of source and labels."""
    weights = np.concatenate([known.source_is, LABEL_WEIGHT * known.labelled_is])
    return _fitted(known.classes, np.concatenate([known.source, known.labelled]), weights, RIDGE)


def settled(known: Pool, unlabelled: NDArray[np.float32], share: FloatArray) -> PooledDiscriminant:
    """The discriminant after unlabelled samples (u, F), which begin with `share` (u, k) of each class."""
    values = np.concatenate([known.source, known.labelled, unlabelled.astype(np.float64)])
    fixed = np.concatenate([SETTLED_SOURCE_WEIGHT * known.source_is, SETTLED_LABEL_WEIGHT * known.labelled_is])
    for _ in range(ROUNDS):
        soft = share ** (1 / SOFTNESS)
        weights = np.concatenate([fixed, soft / soft.sum(axis=1, keepdims=True)])
        model = _fitted(known.classes, values, weights, SETTLED_RIDGE)
        before, share = share, model.predict_proba(unlabelled)
        if np.abs(share - before).max() < SETTLED:
            break
    return model
