"""What a cell learns from: its draw, its teacher's lesson, and labels of earlier domains where a host kept them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_host.experiment.plan import Plan
from nt_host.tasks import Dataset, Split, Target, Task, split_target
from nt_host.tasks.dataset import joined
from nt_host.tasks.split import set_apart
from nt_host.teacher.lesson import Lesson, lesson
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec

FloatArray = NDArray[np.float32]


def drawn(plan: Plan, target: Target, labels_per_class: int, seed: int) -> tuple[Split, FloatArray | None]:
    """Labelled samples and test of `plan`, and features that are seen without labels, where it asks for them."""
    split = split_target(target, labels_per_class, seed)
    if not plan.unlabelled:
        return split, None
    unlabelled, test = set_apart(split, plan.unlabelled, seed)
    return replace(split, test=test), unlabelled


def taught_lesson(
    plan: Plan,
    encoder: EncoderSpec,
    split: Split,
    unlabelled: FloatArray | None,
    seed: int,
    source: Dataset,
    earlier: Dataset | None = None,
) -> Lesson:
    """The lesson of `plan`'s teacher; UsageError where the plan holds labels out, or as `lesson`."""
    if plan.settings.held_out:
        raise UsageError(
            "a trial cannot judge what a teacher has seen",
            evidence=f"a share of {plan.settings.held_out} is held out",
            next_step="give `--held-out 0`",
        )
    return lesson(
        encoder,
        source,
        split.labelled,
        unlabelled,
        voters=plan.voters,
        made_up_count=plan.made_up,
        moves=plan.moves,
        imagined_count=plan.imagined,
        seed=seed,
        earlier=earlier,
    )


def labelled_before(plan: Plan, task: Task, name: str, labels_per_class: int, seed: int) -> Dataset | None:
    """Samples that were labelled in the domains before the one called `name`, where the plan remembers them; those of
    later domains never. None where there are none."""
    names = [target.name for target in task.targets]
    earlier = task.targets[: names.index(name)] if plan.remembers else ()
    given = [drawn(plan, target, labels_per_class, seed)[0].labelled for target in earlier]
    return joined(given) if given else None
