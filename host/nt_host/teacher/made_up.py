"""Made-up samples: a labelled sample moved by what sets a source sample apart from its class.

Within a class, samples differ by concentration, strength and noise, and the source shows how. The sum of a labelled
sample and such a difference is a sample that the new domain might well hold; which class it has is for the teacher to
say, since a difference that leaves a class where it is at the source may cross a border here. Moved by the sum of two
such differences, samples are spread 1.4 times as wide, and no two need lie along one source sample.
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


def made_up(
    encoder: EncoderSpec, source: Dataset, labelled: Dataset, count: int, seed: int, moves: int = 1
) -> FloatArray:
    """Features (count, F) of made-up samples, each moved by `moves` differences, drawn with `seed` >= 0.

    Raises:
        UsageError: count < 1 or moves < 1, or source and labelled samples have different features.
    """
    if count < 1 or moves < 1 or source.n_features != labelled.n_features:
        raise UsageError(
            "no samples can be made up",
            evidence=f"{count} asked for, moved {moves} times; {source.n_features} and {labelled.n_features} features",
            next_step="ask for one and one move at least, with source and labelled samples of the same features",
        )
    rng = np.random.default_rng([seed, _STREAM])
    apart = differences(encoder, source)
    values = transformed(encoder.transform, labelled.features)[rng.integers(0, len(labelled), count)]
    for _ in range(moves):
        values = values + apart[rng.integers(0, len(apart), count)]
    return untransformed(encoder.transform, values)
