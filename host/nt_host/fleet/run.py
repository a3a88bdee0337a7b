"""Runs one function over many tasks: in this process, on all cores, or on the workers of a cluster scheduler."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, TypeVar

from nt_host.fleet.cluster import cluster_results
from nt_host.fleet.keep import Keep
from nt_model.errors import EnvironmentMissingError, UsageError

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")
OnDone = Callable[[int, int, str], None]
"""Called with (tasks done, tasks in all, how many of them were found on disk)."""

THREADS_PER_PROCESS = "OMP_NUM_THREADS"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Workers:
    """Where tasks run.

    Attributes:
        count: processes on this machine, one thread each; 1 runs in this process.
        scheduler: address of a dask scheduler, such as "tcp://10.0.0.1:8786"; its workers then count alone.

    Raises:
        UsageError: fewer than one process.
    """

    count: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError("at least one process is needed", evidence=str(self.count), next_step="`--workers 1`")


def run_all(
    work: Callable[[Shared, Task], Result],
    shared: Shared,
    tasks: Sequence[Task],
    keep: Keep[Result],
    workers: Workers = Workers(),
    on_done: OnDone = lambda done, total, note: None,
) -> list[Result]:
    """`work(shared, task)` of every task, in the order of `tasks`; those that `keep` has are not run again.

    Args:
        work: a pure function at the top of a module.
        shared: sent once to every worker.
        tasks: dataclasses of plain values.

    Raises:
        EnvironmentMissingError: a worker process died, or dask is not installed.
        LinkError: no scheduler answers, or it has no worker.
    """
    keep.prepare()
    found = [keep.find(task) for task in tasks]
    missing = [index for index, result in enumerate(found) if result is None]
    note = f"{len(tasks) - len(missing)} found" if len(missing) < len(tasks) else ""
    done = len(tasks) - len(missing)
    on_done(done, len(tasks), note)
    for index, result in _results(work, shared, [tasks[index] for index in missing], workers):
        keep.store(tasks[missing[index]], result)
        found[missing[index]] = result
        done += 1
        on_done(done, len(tasks), note)
    return [result for result in found if result is not None]


def _results(
    work: Callable[[Shared, Task], Result], shared: Shared, tasks: Sequence[Task], workers: Workers
) -> Iterator[tuple[int, Result]]:
    if not tasks:
        return
    if workers.scheduler is not None:
        yield from cluster_results(work, shared, tasks, workers.scheduler)
    elif workers.count == 1:
        for index, task in enumerate(tasks):
            yield index, work(shared, task)
    else:
        yield from _pool_results(work, shared, tasks, min(workers.count, len(tasks)))


_shared: Any = None


def _begin_worker(shared: Any) -> None:
    """In a new worker process: keep what is shared, leave Ctrl-C to the parent, and end when the parent is gone."""
    global _shared
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work_with_shared(work: Callable[[Any, Any], Any], task: Any) -> Any:
    return work(_shared, task)


def _pool_results(
    work: Callable[[Shared, Task], Result], shared: Shared, tasks: Sequence[Task], count: int
) -> Iterator[tuple[int, Result]]:
    before = os.environ.get(THREADS_PER_PROCESS)
    # Libraries read it when they are loaded: new processes must find it set.
    os.environ[THREADS_PER_PROCESS] = "1"
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin_worker, (shared,))
    try:
        futures = {pool.submit(_work_with_shared, work, task): index for index, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise EnvironmentMissingError(
            "a worker process died",
            evidence=str(error),
            next_step="run it again, it goes on where it was; with fewer `--workers` where memory is short",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        if before is None:
            del os.environ[THREADS_PER_PROCESS]
        else:
            os.environ[THREADS_PER_PROCESS] = before
