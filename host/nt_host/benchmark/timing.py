"""Medians of cases that are run in turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

Case = Callable[[int], object]
"""Does the work once with sample number `index` of its rotation."""

SHORTEST_S = 4e-3
"""Of a case in one turn: its first call finds the caches full of the other cases' data, ours and the peers' alike."""
LONG_S = 0.05


def _repeats(case: Case, clock: Callable[[], float]) -> int:
    """Warms up; calls that take long enough for the clock."""
    start = clock()
    case(0)
    if clock() - start > LONG_S:
        return 1
    start = clock()
    case(1)
    return max(1, int(SHORTEST_S / max(clock() - start, 1e-7)))


def medians_s(
    cases: Mapping[str, Case], rounds: int, clock: Callable[[], float] = time.thread_time
) -> dict[str, float]:
    """Median seconds of one call of each case over `rounds` rounds, each case once a round, after a warm-up.

    The default clock is the CPU time of the calling thread: on a shared machine it leaves out the turns of others
    (not their use of caches and memory). Work on several threads needs `time.perf_counter`.
    """
    repeats = {name: _repeats(case, clock) for name, case in cases.items()}
    seen: dict[str, list[float]] = {name: [] for name in cases}
    turn = 0
    for _ in range(rounds):
        for name, case in cases.items():
            start = clock()
            for k in range(repeats[name]):
                case(turn + k)
            seen[name].append((clock() - start) / repeats[name])
        turn += max(repeats.values())
    return {name: median(times) for name, times in seen.items()}
