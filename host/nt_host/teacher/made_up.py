"""Made-up samples: a labelled sample moved by what sets a source sample apart from its class.

Within a class, samples differ by concentration, strength and noise, and the source shows how. The sum of a labelled
sample and such a difference is a sample that the new domain might well hold; which class it has is for the teacher to
say, since a difference that leaves a class where it is at the source may cross a border here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.encode import transformed, untransformed
from nt_host.tasks.dataset import Dataset
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float32]

_STREAM = 6


def differences(encoder: EncoderSpec, source: Dataset) -> FloatArray:
    """(m, F) each source sample minus the mean of its class in its domain, after the encoder's transform."""
    values = transformed(encoder.transform, source.features)
    group = source.domain * source.n_classes + source.labels
    apart = np.empty_like(values)
    for each in np.unique(group):
        rows = group == each
        apart[rows] = values[rows] - values[rows].mean(axis=0)
    return apart


def made_up(encoder: EncoderSpec, source: Dataset, labelled: Dataset, count: int, seed: int) -> FloatArray:
    """Features (count, F) of made-up samples, drawn with `seed` >= 0.

    Raises:
        UsageError: count < 1, or source and labelled samples have different features.
    """
    if count < 1 or source.n_features != labelled.n_features:
        raise UsageError(
            "no samples can be made up",
            evidence=f"{count} asked for; {source.n_features} and {labelled.n_features} features",
            next_step="ask for one at least, with source and labelled samples of the same features",
        )
    rng = np.random.default_rng([seed, _STREAM])
    apart = differences(encoder, source)
    start = transformed(encoder.transform, labelled.features)[rng.integers(0, len(labelled), count)]
    return untransformed(encoder.transform, start + apart[rng.integers(0, len(apart), count)])
