"""Samples drawn from the pool of source and labels, wider than the pool: what a few labels say of drift, made visible.

A linear discriminant of the pool (`nt_host.teacher.pooled_discriminant`) knows of a label's distance x_l - mu_c only
as a part of the scatter within classes. Neurons with one bit have to *see* samples that lie there, of every class:

    x = mu_c + width (s d + sqrt(w / n) sum over labels l of z_l (x_l - mu_l)),   s = -1 or 1,   z_l ~ N(0, 1)

with d the distance of a random one of the n source samples, moved by the labels' mean shift, from its class's mean, w
the weight of a label (LABEL_WEIGHT) and mu the class means of the pool. Class means are those of the pool and the
scatter within classes is width^2 times the pool's but for a factor, so that a discriminant of these samples is the
pool's; `width` above 1 covers what lies beyond it. Every sample has the class of its mean: nobody is asked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.encode import untransformed
from nt_host.experiment.linear_baseline import standardised
from nt_host.tasks.dataset import Dataset
from nt_host.teacher.pooled_discriminant import LABEL_WEIGHT, Pool, fitted_pool, pool
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float64]
WIDTH = 2.0
_STREAM = 7


def drawn_wide(known: Pool, per_class: int, seed: int) -> FloatArray:
    """(k * per_class, F) standardised features, class by class in the order of the pool's k classes."""
    rng = np.random.default_rng([seed, _STREAM])
    means = fitted_pool(known).means
    apart = known.source - known.source_is @ means
    moved = (known.labelled - known.labelled_is @ means) * np.sqrt(LABEL_WEIGHT / len(known.source))
    size = len(known.classes) * per_class
    sign = rng.choice([-1.0, 1.0], (size, 1))
    away = sign * apart[rng.integers(0, len(apart), size)] + rng.normal(size=(size, len(moved))) @ moved
    return np.repeat(means, per_class, axis=0) + WIDTH * away


def widened(encoder: EncoderSpec, source: Dataset, labelled: Dataset, per_class: int, seed: int) -> Dataset:
    """A lesson of `per_class` samples of every labelled class, as the encoder's features.

    Raises:
        UsageError: the source lacks a labelled class, or has other features.
    """
    if source.n_features != labelled.n_features or not np.isin(labelled.labels, source.labels).all():
        raise UsageError(
            "source and labels cannot be pooled",
            evidence=f"{source.n_features} and {labelled.n_features} features; classes {np.unique(source.labels)} "
            f"and {np.unique(labelled.labels)}",
            next_step="label classes that the source has, with the same features",
        )
    values, new = (standardised(encoder, each.features) for each in (source, labelled))
    known = pool(values, source.labels, new, labelled.labels)
    drawn = (drawn_wide(known, per_class, seed) / encoder.scale + encoder.offset).astype(np.float32)
    labels = np.repeat(known.classes, per_class).astype(np.int64)
    domain = np.full(len(labels), labelled.domain[0], np.int64)
    features = untransformed(encoder.transform, drawn)
    return Dataset(features, labels, domain, labelled.class_names, labelled.domain_names)
