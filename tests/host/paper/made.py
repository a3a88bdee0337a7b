"""Small made tasks and networks for the tests of the paper's tables."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from nt_host.paper.frozen import FrozenLayers, PaperTask, Setting, Split

N_CLASSES, N_INPUTS, N_HIDDEN, N_OUTPUTS = 3, 12, 20, 9


def made_layers(n_layers: int = 1, seed: int = 0) -> FrozenLayers:
    """Random frozen layers 12-9 or 12-20-9."""
    rng = np.random.default_rng(seed)
    sizes = (N_INPUTS, N_OUTPUTS) if n_layers == 1 else (N_INPUTS, N_HIDDEN, N_OUTPUTS)
    weights = [rng.normal(0, 0.5, (n, m)).astype(np.float32) for m, n in pairwise(sizes)]
    biases = [rng.normal(0, 0.1, len(weight)).astype(np.float32) for weight in weights]
    return FrozenLayers("made", tuple(weights), tuple(biases), tunes_outputs=n_layers == 1)


def made_split(run: int, per_class: int = 40, noise: float = 0.4) -> Split:
    """Three clouds of positive features round fixed centres."""
    centres = np.random.default_rng(99).uniform(0, 2, (N_CLASSES, N_INPUTS))
    rng = np.random.default_rng(run)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.repeat(np.arange(N_CLASSES), count)
        return np.maximum(centres[y] + rng.normal(0, noise, (len(y), N_INPUTS)), 0).astype(np.float32), y

    return Split(*drawn(per_class), *drawn(per_class))


def made_task(name: str = "made", has_head: bool = True, stands_for: str = "STL-10") -> PaperTask:
    """The clouds as a task; without a head, outputs 0-2, 3-5 and 6-8 mean the classes."""
    outputs = () if has_head else tuple(tuple(range(3 * each, 3 * each + 3)) for each in range(N_CLASSES))
    return PaperTask(name, stands_for, N_CLASSES, False, partial(made_split), outputs)


def made_setting(n_layers: int = 1) -> Setting:
    """Small clouds three times, the first without a head, in place of the paper's three tasks."""
    full = (made_task("one", False), made_task("two", True, "Food-11"), made_task("three", True, "BCCD"))
    tasks = tuple(replace(task, split=partial(made_split, per_class=8)) for task in full)
    return Setting(made_layers(n_layers), tasks, "Made.", "made")
