"""Tasks on an existing dask scheduler; dask itself is optional (`pip install nt-host[cluster]`)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nt_model.errors import EnvironmentMissingError, LinkError

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")
ANSWER_S = 10
WORKERS_S = 30


def cluster_results(
    work: Callable[[Shared, Task], Result], shared: Shared, tasks: Sequence[Task], address: str
) -> Iterator[tuple[int, Result]]:
    """(index, result) of every task as they come back; `shared` is sent once to every worker.

    The workers need the same version of nt-host; start them with one thread per process.

    Raises:
        EnvironmentMissingError: dask.distributed is not installed.
        LinkError: nobody answers at `address`, or no worker is attached.
    """
    distributed, client = _connected(address)
    with client:
        # In a list: a bare mapping would be scattered value by value.
        (there,) = client.scatter([shared], broadcast=True)
        futures = client.map(work, [there] * len(tasks), tasks, pure=False)
        index_of = {future.key: index for index, future in enumerate(futures)}
        for future in distributed.as_completed(futures):
            yield index_of[future.key], future.result()


def _connected(address: str) -> tuple[Any, Any]:
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise EnvironmentMissingError(
            "a cluster scheduler needs dask.distributed, which is not installed",
            evidence=str(error),
            next_step="install it with `pip install nt-host[cluster]`, or leave `--scheduler` out",
        ) from error
    try:
        client = distributed.Client(address, timeout=ANSWER_S)
    except (OSError, ValueError) as error:
        raise LinkError(
            "no cluster scheduler answers",
            evidence=f"{address}: {error}",
            next_step="start one with `dask scheduler`, and give its address, such as tcp://host:8786",
        ) from error
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as error:
        client.close()
        raise LinkError(
            "the cluster scheduler has no worker",
            evidence=f"{address}: none within {WORKERS_S} s",
            next_step=f"attach some with `dask worker {address} --nworkers auto --nthreads 1`",
        ) from error
    return distributed, client
