"""Threads of the kernels of hosts: results hang on none of them; engines, processes and other threads come and go."""

from __future__ import annotations

import dataclasses
import gc
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nt_model.core import KERNELS, CoreEngine, HostOptions
from nt_model.core_host import HOST_KERNELS
from nt_model.engine import NumpyEngine
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState
from nt_model.operating import Operating
from tests.core.cases import build_events, build_image, differing
from tests.core.test_array import FORWARD, choice_of, nominal
from tests.core.test_learn import STATE

HERE = [name for name in KERNELS if name in HOST_KERNELS]
SHAPES = ((300, 700, 40, 9), (9001, 130, 3), (33, 129, 257, 5), (64, 1))
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
LINUX = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="not on this platform: counts threads in /proc")


def engine_of(image: Image, threads: int, path: str = "auto") -> CoreEngine:
    """An engine that takes all its threads whatever the work."""
    return CoreEngine(image, kernel=HERE[0], options=HostOptions(threads, path, thread_us=0))


def noisy(image: Image) -> Operating:
    layers = (dataclasses.replace(one, noise_q8=np.full_like(one.noise_q8, 300)) for one in nominal(image).layers)
    return Operating(tuple(layers))


def events_of(image: Image, batch: int, steps: int) -> NDArray[np.uint8]:
    return build_events(5, "counts" if batch == 9 else "binary", image, batch, steps)


def threads_here() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def state_of(task: Path) -> str:
    """Letter of a thread's state: R runs, S sleeps."""
    return (task / "stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.mark.parametrize("path", ["auto", "events", "lookup"])
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (9, 4), (130, 1), (65, 3)])
@pytest.mark.parametrize("sizes", SHAPES)
def test_results_hang_on_no_number_of_threads(sizes: tuple[int, ...], batch: int, steps: int, path: str) -> None:
    image = build_image(choice_of(sizes))
    x, operating = events_of(image, batch, steps), noisy(image)
    labels = np.random.default_rng(3).integers(0, image.n_classes, batch)
    state = LearnState.at(np.full(image.n_codes, 128, np.uint8))
    one, *more = (engine_of(image, threads, path) for threads in (1, 2, 3))
    forward = one.forward(operating, x, 2**41)
    learned = one.learn_nominal(state, x, labels, LearnSettings())
    for engine in more:
        for _ in range(2):
            assert differing(engine.forward(operating, x, 2**41), forward, FORWARD) == []
            assert differing(engine.learn_nominal(state, x, labels, LearnSettings()), learned, STATE) == []


@LINUX
def test_threads_start_with_work_and_end_with_the_engine() -> None:
    image = build_image(choice_of((300, 700, 9)))
    x = events_of(image, 70, 1)
    before = threads_here()
    engines = [engine_of(image, 3) for _ in range(4)]
    assert threads_here() == before
    for engine in engines:
        engine.forward(nominal(image), x, 0)
    assert threads_here() == before + 4 * 2
    del engine, engines
    gc.collect()
    assert threads_here() == before


@LINUX
def test_a_small_batch_starts_no_thread() -> None:
    image = build_image(choice_of((300, 200, 9)))
    before = threads_here()
    engine = CoreEngine(image, kernel=HERE[0], options=HostOptions(4))
    engine.forward(nominal(image), events_of(image, 4, 1), 0)
    assert threads_here() == before


@LINUX
def test_idle_threads_sleep() -> None:
    image = build_image(choice_of((300, 700, 9)))
    before = set(Path("/proc/self/task").iterdir())
    engine = engine_of(image, 3)
    engine.forward(nominal(image), events_of(image, 70, 1), 0)
    workers = set(Path("/proc/self/task").iterdir()) - before
    assert len(workers) == 2
    end = time.monotonic() + 20
    while time.monotonic() < end and {state_of(worker) for worker in workers} != {"S"}:
        time.sleep(0.01)
    assert {state_of(worker) for worker in workers} == {"S"}


@pytest.fixture
def processors() -> Iterator[set[int]]:
    """Those this thread may use, given back to it at the end."""
    allowed = os.sched_getaffinity(0)
    yield allowed
    os.sched_setaffinity(0, allowed)


@LINUX
@pytest.mark.skipif(PROCESSORS == 1, reason="not on this machine: it has one processor")
def test_threads_keep_off_their_callers_processor(processors: set[int]) -> None:
    """Behind its caller on the same processor, a second thread would save no time; wherever the caller goes."""
    image = build_image(choice_of((300, 700, 9)))
    x = events_of(image, 70, 1)
    before = set(Path("/proc/self/task").iterdir())
    engine = engine_of(image, 3)
    engine.forward(nominal(image), x, 0)
    workers = [int(task.name) for task in set(Path("/proc/self/task").iterdir()) - before]
    for own in sorted(processors)[:3]:
        os.sched_setaffinity(0, {own})
        engine.forward(nominal(image), x, 0)
        assert [os.sched_getaffinity(worker) for worker in workers] == [processors - {own}] * 2


@LINUX
def test_one_processor_is_shared(processors: set[int]) -> None:
    image = build_image(choice_of((300, 700, 9)))
    x = events_of(image, 70, 1)
    os.sched_setaffinity(0, {min(processors)})
    found = engine_of(image, 2).forward(nominal(image), x, 0)
    assert differing(found, NumpyEngine(image).forward(nominal(image), x, 0), FORWARD) == []


def test_engines_work_in_several_threads_at_once() -> None:
    image = build_image(choice_of((300, 700, 9)))
    x = events_of(image, 70, 1)
    golden = NumpyEngine(image).forward(nominal(image), x, 0)
    engines = [engine_of(image, 2) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda k: engines[k % 3].forward(nominal(image), x, 0), range(60)))
    assert all(differing(each, golden, FORWARD) == [] for each in results)


def test_an_engine_may_end_in_another_thread() -> None:
    image = build_image(choice_of((300, 700, 9)))
    kept = [engine_of(image, 2)]
    kept[0].forward(nominal(image), events_of(image, 70, 1), 0)
    ender = threading.Thread(target=kept.clear)
    ender.start()
    ender.join(20)
    assert not ender.is_alive()
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this platform: it has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_works_with_its_parents_engine() -> None:
    """A child has none of its parent's threads: it starts its own, or frees the engine without waiting for any."""
    image = build_image(choice_of((300, 700, 9)))
    x = events_of(image, 70, 1)
    engines = [engine_of(image, 3), engine_of(image, 3)]
    expected = [engine.forward(nominal(image), x, 0) for engine in engines]
    child = os.fork()
    if child == 0:
        engines.pop()
        good = not differing(engines[0].forward(nominal(image), x, 0), expected[0], FORWARD)
        engines.clear()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(_waited(child)) == 0
    assert differing(engines[0].forward(nominal(image), x, 0), expected[0], FORWARD) == []


def _waited(child: int) -> int:
    """Status of `child`; one that hangs is ended."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    return os.waitpid(child, 0)[1]
