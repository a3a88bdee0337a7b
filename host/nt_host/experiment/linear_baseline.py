"""Linear baselines that may change every weight and see every float: what a chip's codes are measured against.

`lr` is a logistic regression on all source samples plus the labelled ones, those weighted 10. `lda` is a linear
discriminant with shrinkage (Ledoit and Wolf 2004) on the labelled samples alone. Both see the features after the
image's own transform, shift and scale, in float and unclipped. A linear classifier always names exactly one class,
so its strict accuracy is its argmax accuracy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.encode import transformed
from nt_host.readout import Accuracy
from nt_host.tasks.dataset import Dataset
from nt_model.image import EncoderSpec

LINEAR_RULES = ("lr", "lda")
LABEL_WEIGHT = 10.0
MOST_ITERATIONS = 3000


def standardised(encoder: EncoderSpec, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (n, F) in standard deviations of the source."""
    deviations: NDArray[np.float32] = (transformed(encoder.transform, features) - encoder.offset) * encoder.scale
    return deviations


def _logistic() -> Any:
    # Imported where it is used: scikit-learn takes a second to load, and most commands do without it.
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=MOST_ITERATIONS)


def fitted(rule: str, encoder: EncoderSpec, source: Dataset, labelled: Dataset | None) -> Any:
    """Baseline `rule` of LINEAR_RULES fitted on `source` and `labelled`, on the source alone where that is None."""
    if rule == "lda":
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        seen = source if labelled is None else labelled
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(
            standardised(encoder, seen.features), seen.labels
        )
    if labelled is None:
        return _logistic().fit(standardised(encoder, source.features), source.labels)
    features = np.concatenate([standardised(encoder, source.features), standardised(encoder, labelled.features)])
    labels = np.concatenate([source.labels, labelled.labels])
    weights = np.concatenate([np.ones(len(source)), np.full(len(labelled), LABEL_WEIGHT)])
    return _logistic().fit(features, labels, sample_weight=weights)


def linear_accuracy(model: Any, encoder: EncoderSpec, test: Dataset) -> Accuracy:
    """Accuracy of a fitted baseline on `test`; its margin is not defined and given as 0."""
    right = float((model.predict(standardised(encoder, test.features)) == test.labels).mean())
    return Accuracy(argmax=right, strict=right, margin=0.0, n=len(test))
