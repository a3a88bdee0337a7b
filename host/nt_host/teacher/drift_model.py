"""Drift model: the source's classes after a shift that all share, round every labelled sample's own place.

With features in standard deviations of the source, labelled sample j of class k is Gaussian about m_k + d + e_j with
covariance S. m_k is the mean of the class at the source, S the scatter within classes and domains there,
d ~ N(0, SHARED^2 I) the shift that all classes share and e_j ~ N(0, OWN^2 I) what is left of sample j's. In log
features a shift is a factor: a sensor that has lost sensitivity. S is long in the directions in which concentration
moves samples, so that a labelled sample says little about the shift in these and much in the others; d and e_j given
the labels are those of linear-Gaussian inference in closed form (e.g. Bishop, Pattern Recognition and Machine
Learning, 2006, section 2.3.3). A class at the target is the even mixture of what its labelled samples say, not one
Gaussian about their mean: a gas that was recorded under two conditions forms two clusters, and their mean is neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

SHARED = 1.0
OWN = 0.3
RIDGE = 0.02
"""Added to each variance of S: what the source's few samples cannot tell from none."""


@dataclass(frozen=True, eq=False)
class DriftModel:
    """A mixture with one component per labelled sample; a classifier as scikit-learn has them.

    Attributes:
        classes_: (k,) int64, the classes that the labels and the source have in common, ascending.
        labels: (j,) int64, class of each component.
        means: (j, F) posterior mean of each component.
        scatter: (F, F) covariance of every component.
    """

    classes_: Int64Array
    labels: Int64Array
    means: FloatArray
    scatter: FloatArray

    def predict_proba(self, values: NDArray[np.float32]) -> FloatArray:
        """(n, k) probability of each of `classes_` for standardised features (n, F), classes alike beforehand."""
        weights = np.linalg.solve(self.scatter, self.means.T)
        score = values @ weights - 0.5 * np.einsum("jf,fj->j", self.means, weights)
        likelihood = np.exp(score - score.max(axis=1, keepdims=True))
        share = np.stack([likelihood[:, self.labels == label].mean(axis=1) for label in self.classes_], axis=1)
        return np.asarray(share / share.sum(axis=1, keepdims=True), np.float64)


def _scatter(values: FloatArray, source: Dataset) -> FloatArray:
    """(F, F) covariance about the mean of each class in each domain, with RIDGE."""
    group = source.domain * source.n_classes + source.labels
    apart = np.empty_like(values)
    for each in np.unique(group):
        rows = group == each
        apart[rows] = values[rows] - values[rows].mean(axis=0)
    return np.asarray(apart.T @ apart / len(apart) + RIDGE * np.eye(values.shape[1]), np.float64)


def fitted_drift(
    source_values: NDArray[np.float32], source: Dataset, labelled_values: NDArray[np.float32], labelled: Dataset
) -> DriftModel:
    """The model after `labelled`, both with their standardised features (n, F); they have a class in common."""
    classes = np.intersect1d(source.labels, labelled.labels).astype(np.int64)
    told = np.isin(labelled.labels, classes)
    labels = labelled.labels[told]
    wide = source_values.astype(np.float64)
    of_class = {int(label): wide[source.labels == label].mean(axis=0) for label in classes}
    start = np.array([of_class[int(label)] for label in labels])
    apart = labelled_values[told].astype(np.float64) - start
    scatter, unit = _scatter(wide, source), np.eye(wide.shape[1])
    precision = np.linalg.inv(OWN**2 * unit + scatter)
    shared = np.linalg.solve(unit / SHARED**2 + len(labels) * precision, precision @ apart.sum(axis=0))
    own = OWN**2 * precision
    means = start + shared + (apart - shared) @ own
    return DriftModel(classes, labels, means, scatter + OWN**2 * (unit - own))
