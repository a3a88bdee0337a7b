"""Imagined samples: drawn from the Gaussians of a pooled discriminant, each under the class it was drawn of.

They tell a student what the teacher knows in every direction, and above all in which ones classes have drifted, since
the scatter is long there. Least squares on the class indicators of such samples ends, with enough of them, at the
linear discriminant of two Gaussians (Duda, Hart and Stork, Pattern Classification, 2001, section 5.8.2), with more
classes near it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.encode import untransformed
from nt_host.teacher.pooled_discriminant import PooledDiscriminant
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float32]
Int64Array = NDArray[np.int64]

_STREAM = 7


def imagined(encoder: EncoderSpec, model: PooledDiscriminant, count: int, seed: int) -> tuple[FloatArray, Int64Array]:
    """Features (count, F) and classes (count,) of samples of `model`, classes alike, drawn with `seed` >= 0.

    Args:
        encoder: through which the model sees features.

    Raises:
        UsageError: count < 1.
    """
    if count < 1:
        raise UsageError("no samples can be imagined", evidence=f"{count} asked for", next_step="ask for one at least")
    rng = np.random.default_rng([seed, _STREAM])
    rows = rng.integers(0, len(model.classes_), count)
    # A Cholesky factor, unlike eigenvectors, has no sign or order of its own that a library could choose.
    spread = rng.normal(size=(count, len(model.scatter))) @ np.linalg.cholesky(model.scatter).T
    values = ((model.means[rows] + spread) / encoder.scale + encoder.offset).astype(np.float32)
    return untransformed(encoder.transform, values), model.classes_[rows]
