"""Tasks by name, and any NPZ file as a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nt_host.tasks import digits, emg, enose, mnist, npz, pacs, speech
from nt_host.tasks.dataset import Dataset
from nt_host.tasks.split import Split, split_target
from nt_host.tasks.task import Target, Task
from nt_model.errors import UsageError

TASKS: Mapping[str, Callable[[], Task]] = {
    "digits": digits.load,
    "enose": enose.load,
    "emg": emg.load,
    "mnist": mnist.load,
    "mnist-rot30": mnist.load_rot30,
    "mnist-tasks": mnist.load_tasks,
    "mnist-tuning": mnist.load_tuning,
    "usps": mnist.load_usps,
    "pacs": pacs.load,
    "fsdd": speech.load,
}

__all__ = ["TASKS", "Dataset", "Split", "Target", "Task", "load_task", "split_target"]


def load_task(name: str | None, data: Path | None) -> Task:
    """The task called `name`, or the NPZ file `data`; exactly one of the two.

    Raises:
        UsageError: none or both are given, the name is unknown, or the file is bad.
        EnvironmentMissingError: the recordings of a named task are not on this machine.
    """
    if name is not None and data is None:
        if name not in TASKS:
            raise UsageError(
                f"no task is called '{name}'", evidence=f"tasks: {', '.join(TASKS)}", next_step="try `--task digits`"
            )
        return TASKS[name]()
    if data is None or name is not None:
        raise UsageError(
            "give the data as a task or as a file, one of the two",
            evidence=f"task {name}, file {data}",
            next_step="try `--task digits` or `--data FILE.npz`",
        )
    return npz.load(data)
