"""Two threads against one, and two processes at once as the bar for them; run as a program, it is the second process.

The second process does the same work on its own network, on another processor, and shares nothing with the first but
the machine. What two of them reach together against one alone is what threads that never waited would reach: on a
virtual machine that may be anything between once and twice, and change within minutes, so all are measured in turns.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from nt_host.benchmark.network import NetworkSpec
from nt_host.benchmark.subject import Subject

CASES: dict[str, Callable[[Subject], Callable[[int], object]]] = {
    "forward 64": lambda subject: subject.forward(64),
    "learning step 64": lambda subject: subject.learning_step(64),
}
WARM_UP = 3
COUNTED = 3
"""Calls that count in a turn of each, after one that wakes whom it needs."""


@dataclass(frozen=True)
class PairTimes:
    """Median seconds of one call, wall time.

    Attributes:
        one_s: on one thread.
        two_s: on two threads, one call after the other.
        woken_s: the same, the first call after the second thread had nothing to do for a turn of the others.
        processes_s: of one of two processes at once.
    """

    one_s: float
    two_s: float
    woken_s: float
    processes_s: float


@contextmanager
def pinned(index: int) -> Iterator[None]:
    """This thread on the processor number `index` of those it may use, where the system lets it choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[index % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _seconds(case: Callable[[int], object], index: int) -> float:
    start = time.perf_counter()
    case(index)
    return time.perf_counter() - start


def _ask(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@contextmanager
def _neighbour(name: str, spec: NetworkSpec) -> Iterator[subprocess.Popen[str]]:
    arguments = json.dumps({"name": name, "sizes": spec.sizes, "activity": spec.activity})
    command = [sys.executable, "-m", "nt_host.benchmark.pair", arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _ask(process, "ready?")
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _together(case: Callable[[int], object], neighbour: subprocess.Popen[str], turn: int) -> list[float]:
    """Times of calls here and there, while both work."""
    with pinned(0):
        _ask(neighbour, "begin")
        here = [_seconds(case, turn + k) for k in range(COUNTED)]
        there: list[float] = json.loads(_ask(neighbour, "end"))
    return here + there


def pair_times(subject: Subject, threaded: Subject, name: str, rounds: int) -> PairTimes:
    """Case `name` of one network on one thread, on two (`threaded`) and in two processes, in `rounds` turns."""
    one, two = CASES[name](subject), CASES[name](threaded)
    seen: dict[str, list[float]] = {key: [] for key in ("one", "two", "woken", "processes")}
    # In this order: the second process may use what processors the first one may at its start.
    with _neighbour(name, subject.spec) as neighbour:
        for index in range(WARM_UP):
            one(index)
            two(index)
        for turn in range(rounds):
            one(turn)
            seen["one"] += [_seconds(one, turn + k) for k in range(COUNTED)]
            seen["woken"].append(_seconds(two, turn))
            seen["two"] += [_seconds(two, turn + k) for k in range(COUNTED)]
            seen["processes"] += _together(one, neighbour, turn)
    return PairTimes(**{f"{key}_s": median(times) for key, times in seen.items()})


def _serve(case: Callable[[int], object]) -> None:
    """Answers each line of stdin: "begin" by working until the next line, whose answer are the times of the calls."""
    for index in range(WARM_UP):
        case(index)
    for line in iter(sys.stdin.readline, ""):
        times: list[float] = []
        print("yes", flush=True)
        if line.strip() != "begin":
            continue
        while not select.select([sys.stdin], [], [], 0)[0]:
            times.append(_seconds(case, len(times)))
        if not sys.stdin.readline():
            return
        print(json.dumps(times[:COUNTED]), flush=True)


def main(arguments: list[str]) -> None:
    asked = json.loads(arguments[0])
    spec = NetworkSpec(tuple(asked["sizes"]), asked["activity"])
    with pinned(1):
        _serve(CASES[asked["name"]](Subject.build(spec)))


if __name__ == "__main__":
    main(sys.argv[1:])
