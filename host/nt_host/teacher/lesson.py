"""What a chip is to learn from: labelled samples, and others under the teacher's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset
from nt_host.teacher.imagined import imagined
from nt_host.teacher.linear_teacher import POOLED, USUAL_VOTERS, Teacher, taught, voting, with_answers
from nt_host.teacher.made_up import made_up
from nt_host.teacher.pooled_discriminant import PooledDiscriminant
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesson:
    """`samples` to learn from, real labels first; `teacher`, who answered for the rest."""

    samples: Dataset
    teacher: Teacher


def lesson(
    encoder: EncoderSpec,
    source: Dataset,
    labelled: Dataset,
    unlabelled: FloatArray | None,
    *,
    voters: Sequence[str] = USUAL_VOTERS,
    made_up_count: int = 0,
    moves: int = 1,
    imagined_count: int = 0,
    seed: int = 0,
    earlier: Dataset | None = None,
) -> Lesson:
    """The lesson of `labelled` and, where given, of `unlabelled` (m, F); nothing else of these has any say.

    Args:
        source: samples of the source with their labels.
        voters: models whose vote begins (`linear_teacher.VOTERS`).
        made_up_count: samples that are made up beside, 0 for none.
        moves: as `made_up` takes it.
        imagined_count: samples that are drawn from the teacher's own Gaussians beside, 0 for none; it must be pooled.
        seed: of the samples that are made up and imagined.
        earlier: samples that were labelled in earlier domains, as `voting` takes them.

    Raises:
        UsageError: the teacher has no Gaussians to draw from, or as `voting`, `taught` and `made_up`.
    """
    teacher = voting(voters, encoder, source, labelled, earlier)
    others = [np.empty((0, labelled.n_features), np.float32)]
    if unlabelled is not None:
        pooled = POOLED in voters and np.isin(labelled.labels, source.labels).all()
        teacher = taught(teacher, labelled, unlabelled, source if pooled else None)
        others.append(unlabelled)
    if made_up_count:
        others.append(made_up(encoder, source, labelled, made_up_count, seed, moves))
    features = np.concatenate(others)
    answers = teacher.answers(features) if len(features) else np.empty(0, np.int64)
    if imagined_count:
        drawn, classes = imagined(encoder, _pooled(teacher), imagined_count, seed)
        features, answers = np.concatenate([features, drawn]), np.concatenate([answers, classes])
    return Lesson(with_answers(labelled, features, answers), teacher)


def _pooled(teacher: Teacher) -> PooledDiscriminant:
    """The one model of a teacher that is a pooled discriminant and nothing else."""
    model, *others = teacher.models
    if others or not isinstance(model, PooledDiscriminant):
        raise UsageError(
            "the teacher has no Gaussians to draw samples from",
            evidence=f"{len(teacher.models)} models, the first a {type(model).__name__}",
            next_step=f"let `{POOLED}` vote alone, with a source that holds every labelled class",
        )
    return model
