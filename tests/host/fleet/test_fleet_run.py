"""The runner: results in order, kept one by one, the same wherever they are computed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nt_host.fleet.keep import Keep
from nt_host.fleet.run import THREADS_PER_PROCESS, Workers, run_all
from nt_model.errors import EnvironmentMissingError, LinkError, UsageError


@dataclass(frozen=True)
class Shared:
    """Adds `offset`; writes a mark into `folder` for every task that runs."""

    offset: int
    folder: str


@dataclass(frozen=True)
class Number:
    value: int


@dataclass(frozen=True)
class Sum:
    value: int
    threads: str


class KilledError(Exception):
    pass


def add(shared: Shared, task: Number) -> Sum:
    (Path(shared.folder) / f"{task.value}-{os.getpid()}").touch()
    return Sum(task.value + shared.offset, os.environ.get(THREADS_PER_PROCESS, ""))


def add_until_three(shared: Shared, task: Number) -> Sum:
    if task.value == 3:
        raise KilledError
    return add(shared, task)


def die(shared: Shared, task: Number) -> Sum:
    os._exit(9)


TASKS = [Number(value) for value in range(6)]


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def keep_in(folder: Path | None, context: str = "a") -> Keep[Sum]:
    return Keep(folder, context, Sum)


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_the_order_of_the_tasks(marks: Path, count: int) -> None:
    seen: list[tuple[int, int, str]] = []
    results = run_all(
        add, Shared(10, str(marks)), TASKS, keep_in(None), Workers(count), lambda *where: seen.append(where)
    )
    assert [one.value for one in results] == [10, 11, 12, 13, 14, 15]
    assert [where[0] for where in seen] == list(range(7))


def test_every_process_gets_one_thread(marks: Path) -> None:
    before = os.environ.get(THREADS_PER_PROCESS)
    results = run_all(add, Shared(0, str(marks)), TASKS, keep_in(None), Workers(2))
    assert {one.threads for one in results} == {"1"}
    assert os.environ.get(THREADS_PER_PROCESS) == before
    assert not [mark for mark in marks.iterdir() if mark.name.endswith(f"-{os.getpid()}")]


def test_a_broken_run_goes_on_and_gives_the_same(tmp_path: Path, marks: Path) -> None:
    shared = Shared(10, str(marks))
    with pytest.raises(KilledError):
        run_all(add_until_three, shared, TASKS, keep_in(tmp_path / "kept"))
    assert len(list(marks.iterdir())) == 3
    found: list[str] = []
    resumed = run_all(
        add, shared, TASKS, keep_in(tmp_path / "kept"), on_done=lambda done, total, note: found.append(note)
    )
    assert found[0] == "3 found"
    assert len(list(marks.iterdir())) == 6, "each task ran once"
    assert resumed == run_all(add, shared, TASKS, keep_in(None))


def test_other_contexts_and_torn_keys_are_not_taken(tmp_path: Path, marks: Path) -> None:
    run_all(add, Shared(10, str(marks)), TASKS, keep_in(tmp_path))
    other = run_all(add, Shared(20, str(marks)), TASKS, keep_in(tmp_path, "b"))
    assert [one.value for one in other] == [20, 21, 22, 23, 24, 25]
    for path in tmp_path.glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "key": "another"}))
    again = run_all(add, Shared(30, str(marks)), TASKS, keep_in(tmp_path))
    assert again[0].value == 30


def test_a_dead_worker_and_bad_places_are_told(tmp_path: Path, marks: Path) -> None:
    with pytest.raises(EnvironmentMissingError, match="worker process died"):
        run_all(die, Shared(0, str(marks)), TASKS, keep_in(None), Workers(2))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        run_all(add, Shared(0, str(marks)), TASKS, keep_in(tmp_path / "file" / "x"))
    with pytest.raises(UsageError, match="at least one process"):
        Workers(0)


@pytest.fixture
def cluster_address() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, scheduler_port=0
    ) as cluster:
        yield cluster.scheduler_address


def test_two_worker_processes_of_a_cluster_give_the_same(tmp_path: Path, marks: Path, cluster_address: str) -> None:
    shared = Shared(10, str(marks))
    results = run_all(add, shared, TASKS, keep_in(tmp_path / "kept"), Workers(1, cluster_address))
    assert [one.value for one in results] == [10, 11, 12, 13, 14, 15]
    pids = {mark.name.split("-")[1] for mark in marks.iterdir()}
    assert str(os.getpid()) not in pids
    assert len(pids) == 2
    assert run_all(add, shared, TASKS, keep_in(tmp_path / "kept")) == results, "kept results are taken"


def test_no_scheduler_and_no_dask_are_told(marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("nt_host.fleet.cluster.ANSWER_S", 1)
    with pytest.raises(LinkError, match="no cluster scheduler answers"):
        run_all(add, Shared(0, str(marks)), TASKS, keep_in(None), Workers(1, "tcp://127.0.0.1:9"))
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(EnvironmentMissingError, match="not installed"):
        run_all(add, Shared(0, str(marks)), TASKS, keep_in(None), Workers(1, "tcp://127.0.0.1:9"))
