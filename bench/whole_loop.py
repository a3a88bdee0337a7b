"""Adapting the electronic nose batch by batch in this process: CPU time, and the share of it that is Python's.

Writes its section of docs/performance.md. Usage: NT_DATA_DIR=... python -m bench.whole_loop FOLDER, which holds the
images of `nt-host experiment enose --out FOLDER` (they are trained there where they are absent). Never asserts.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from bench.page import put
from bench.pc_sampler import sampled_files
from nt_host.experiment.cell import run_cell
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import plan_named
from nt_host.experiment.run import plan_image
from nt_host.tasks import Task, load_task
from nt_model.image_file import LoadedImage

ROUNDS = 24
SHARES = ("C core", "NumPy", "Python")
HEAD = """| loop | CPU time of a batch | learning steps/s | C core | NumPy | Python | samples |
|---|---|---|---|---|---|---|"""
NOTES = """\
Each row is every target batch of `nt-host experiment enose`, seed 0: open a simulated chip of corner `typical`, test
it, load the labelled samples, 300 learning steps, test it again. Imports, the recordings and the image are read before.
The share is that of samples of the instruction pointer, taken at equal CPU time: *C core* is the extension
`nt_model._core` (kernels, learning step, gains, frames), *NumPy* its shared objects, *Python* all the rest:
interpreter, cffi and other extension modules. What runs in the C library counts for its caller."""


@dataclass(frozen=True)
class Spent:
    """CPU time of the cells, their learning steps, and the samples by owner of the code."""

    cpu_s: float
    cells: int
    steps: int
    samples: Counter[str]

    def share(self, owner: str) -> float:
        return self.samples[owner] / max(1, self.samples.total())


def owner_of(file: str) -> str:
    """Whose code a file is: one of SHARES."""
    if "/nt_model/_core" in file:
        return "C core"
    if "/numpy/" in file or "/numpy.libs/" in file:
        return "NumPy"
    return "Python"


def spent_on(plan: Plan, loaded: LoadedImage, task: Task) -> Spent:
    """All batches, ROUNDS times."""
    per_class = task.labels_per_class if plan.labels_per_class is None else plan.labels_per_class
    done: list[int] = []

    def cells() -> None:
        for _ in range(ROUNDS):
            for target in task.targets:
                done.append(run_cell(plan, loaded, target, per_class, 0, source=task.source).steps)

    started = time.process_time()
    samples: Counter[str] = Counter()
    for file, count in sampled_files(cells).items():
        samples[owner_of(file)] += count
    return Spent(time.process_time() - started, len(done), sum(done), samples)


def row(loop: str, spent: Spent) -> str:
    cells = (
        loop,
        f"{spent.cpu_s / spent.cells:.3f} s",
        f"{spent.steps / spent.cpu_s:,.0f}",
        *(f"{spent.share(owner):.1%}" for owner in SHARES),
        f"{spent.samples.total():,}",
    )
    return "| " + " | ".join(cells) + " |"


def main(folder: Path) -> None:
    plan = plan_named("enose")
    task = load_task(plan.task, None)
    loaded = plan_image(plan, task, folder, 0)
    run_cell(plan, loaded, task.targets[0], 8, 0)
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start."
    rows = []
    for loop in ("host", "device"):
        rows.append(row(loop, spent_on(replace(plan, settings=replace(plan.settings, loop=loop)), loaded, task)))
        print(rows[-1], flush=True)
    put("whole_loop", "\n".join(("# The whole loop", "", f"{NOTES}\n{load}", "", HEAD, *rows)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
