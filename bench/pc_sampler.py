"""Where a program spends its CPU time: the file behind the instruction pointer, looked up at regular CPU time, or that
of the caller where it is in the C library.

The samples come from SIGPROF, whose handler is a few lines of C compiled on the spot: a handler in Python would only
run between two bytecodes and never see native code. Linux on x86-64 or AArch64.
"""

from __future__ import annotations

import importlib.util
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cffi import FFI

INTERVAL_US = 1000
CAPACITY = 1 << 20
C_LIBRARY = ("libc.so", "libc-", "libm.so", "ld-linux", "[vdso]")
_DECLARATIONS = """
int sampler_start(uintptr_t *room, size_t capacity, const uintptr_t *library, size_t spans, long interval_us);
size_t sampler_stop(void);
"""
_SOURCE = r"""
#include <execinfo.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <ucontext.h>

static uintptr_t *kept;
static size_t room_left;
static volatile size_t count;
static const uintptr_t *passed_over; /* pairs of begin and end */
static size_t n_passed_over;

#define DEPTH 24

static int is_passed_over(uintptr_t at)
{
    for (size_t i = 0; i < n_passed_over; i++)
        if (at >= passed_over[2 * i] && at < passed_over[2 * i + 1])
            return 1;
    return 0;
}

/* The innermost frame from `at` on that lies outside the C library; `at` itself where none is found. */
static uintptr_t caller_of(uintptr_t at)
{
    void *frames[DEPTH];
    int i = 0, depth = is_passed_over(at) ? backtrace(frames, DEPTH) : 0;
    while (i < depth && (uintptr_t)frames[i] != at)
        i++;
    for (; i < depth; i++)
        if (!is_passed_over((uintptr_t)frames[i]))
            return (uintptr_t)frames[i];
    return at;
}

static void sample_keep(int number, siginfo_t *info, void *context)
{
    const ucontext_t *at = context;
    (void)number;
    (void)info;
    if (count >= room_left)
        return;
#if defined(__x86_64__)
    kept[count++] = caller_of((uintptr_t)at->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    kept[count++] = caller_of((uintptr_t)at->uc_mcontext.pc);
#else
#error "no instruction pointer known for this processor"
#endif
}

static int timer_set(long interval_us)
{
    struct itimerval every = {{0, interval_us}, {0, interval_us}};
    return setitimer(ITIMER_PROF, &every, 0);
}

int sampler_start(uintptr_t *room, size_t capacity, const uintptr_t *library, size_t spans, long interval_us)
{
    void *first[1];
    backtrace(first, 1); /* loads the unwinder, which a handler must not */
    passed_over = library;
    n_passed_over = spans;
    struct sigaction action = {.sa_sigaction = sample_keep, .sa_flags = SA_SIGINFO | SA_RESTART};
    kept = room;
    room_left = capacity;
    count = 0;
    return sigaction(SIGPROF, &action, 0) ? -1 : timer_set(interval_us);
}

size_t sampler_stop(void)
{
    timer_set(0);
    return count;
}
"""


def _compiled(folder: str) -> Any:
    builder = FFI()
    builder.cdef(_DECLARATIONS)
    builder.set_source("_pc_sampler", _SOURCE)
    spec = importlib.util.spec_from_file_location("_pc_sampler", builder.compile(tmpdir=folder))
    if spec is None or spec.loader is None:
        raise ImportError("the sampler was compiled but cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _mapped_files() -> tuple[list[int], list[str]]:
    """Begin of every mapping of this process, and the file behind it; "" for memory without a file."""
    begins, names = [0], [""]
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, _, _, _, *name = line.split(maxsplit=5)
        begin, end = (int(each, 16) for each in span.split("-"))
        begins += [begin, end]
        names += ["".join(name), ""]
    return begins, names


def _c_library() -> list[int]:
    """Begin and end of every mapping of the C library and its loader, one after the other."""
    begins, names = _mapped_files()
    spans = zip(begins, begins[1:], names, strict=False)
    own = ((begin, end) for begin, end, name in spans if Path(name).name.startswith(C_LIBRARY))
    return [edge for span in own for edge in span]


def sampled_files(call: Callable[[], object]) -> Counter[str]:
    """Samples by the file in which the instruction pointer was while `call()` ran; "" is code without a file."""
    with tempfile.TemporaryDirectory() as folder:
        sampler = _compiled(folder)
        room = sampler.ffi.new("uintptr_t[]", CAPACITY)
        library = sampler.ffi.new("uintptr_t[]", _c_library())
        if sampler.lib.sampler_start(room, CAPACITY, library, len(library) // 2, INTERVAL_US):
            raise OSError("the profiling timer cannot be set")
        call()
        taken = sampler.lib.sampler_stop()
        begins, names = _mapped_files()
        return Counter(names[bisect_right(begins, room[index]) - 1] for index in range(taken))
