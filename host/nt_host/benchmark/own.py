"""Ours against the machine and against itself: roofline, threads, instruction sets, silicon, calls, memory."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from nt_host.benchmark.network import NetworkSpec
from nt_host.benchmark.pair import pair_times
from nt_host.benchmark.row import Row, milliseconds
from nt_host.benchmark.subject import Subject
from nt_host.benchmark.timing import medians_s
from nt_model.core import CoreEngine, HostOptions
from nt_model.core_host import HOST_KERNELS, available_kernels, dot_peak, memory_read

PEAK_LOOPS = 200_000
READ_BYTES = 1 << 28


def roofline_rows(subject: Subject, rounds: int) -> list[Row]:
    """Peaks of the machine, one thread: multiply-adds of bytes out of registers, bytes read from memory; and our share
    of them, measured in the same turns, as a shared machine gives more at one time than at another."""
    kernel = subject.engine.kernel
    first = Subject.build(NetworkSpec(subject.spec.sizes[:2], 1.0))
    data = np.ones(READ_BYTES, np.uint8)
    cases = {
        "dot": lambda _: dot_peak(kernel, PEAK_LOOPS),
        "batch": subject.forward(64),
        "read": lambda _: memory_read(kernel, data),
        "dense": first.forward(1),
    }
    times = medians_s(cases, rounds)
    macs_per_s, bytes_per_s = dot_peak(kernel, PEAK_LOOPS) / times["dot"], READ_BYTES / times["read"]
    done = 64 * subject.image.n_synapses / times["batch"]
    read = first.image.n_synapses / 2 / times["dense"]
    return [
        Row(f"int8 dot products, peak of one thread ({kernel})", macs_per_s / 1e9, "GMAC/s"),
        Row("memory read, one thread", bytes_per_s / 1e9, "GB/s"),
        Row("forward 64, share of the int8 peak", 100 * done / macs_per_s, "%", 150, detail=f"{done / 1e9:.0f} GMAC/s"),
        Row(
            "forward 1 of the first layer, every input active, share of the memory read",
            100 * read / bytes_per_s,
            "%",
            90,
            detail=f"{read / 1e9:.1f} GB/s",
        ),
    ]


def threads_rows(subject: Subject, rounds: int) -> list[Row]:
    """Two threads against one, wall time, beside what two processes that share nothing reach in the same turns."""
    two = subject.with_kernel(subject.engine.kernel, HostOptions(threads=2))
    rows = []
    for name, target in (("forward 64", 1.9), ("learning step 64", 1.8)):
        times = pair_times(subject, two, name, rounds)
        detail = (
            f"{milliseconds(one=times.one_s, two=times.two_s)}; after a pause {times.one_s / times.woken_s:.2f} x; "
            f"two separate processes at once: {2 * times.one_s / times.processes_s:.2f} x"
        )
        figure = f"{name}, two threads against one (wall time)"
        rows.append(Row(figure, times.one_s / times.two_s, "x", target, detail=detail))
    return rows


def kernel_rows(subject: Subject, rounds: int) -> list[Row]:
    """The narrower instruction sets against the widest."""
    kernels = [name for name in available_kernels() if name in HOST_KERNELS]
    cases = {name: subject.with_kernel(name).forward(64) for name in kernels}
    times = medians_s(cases, rounds)
    targets = {"avx2": 2.0, "sse2": 4.0}
    return [
        Row(
            f"forward 64, {name} against {kernels[0]}: slower by",
            times[name] / times[kernels[0]],
            "x",
            targets.get(name),
            lower_is_better=True,
            detail=milliseconds(**times),
        )
        for name in kernels[1:]
    ]


def silicon_rows(subject: Subject, rounds: int, steps: int = 1) -> list[Row]:
    """A chip with mismatch and noise against the ideal one."""
    noisy = subject.operating("typical")
    quiet = replace(noisy, layers=tuple(replace(one, noise_q8=np.zeros_like(one.noise_q8)) for one in noisy.layers))
    cases = {
        "ideal": subject.forward(64, steps),
        "mismatch": subject.forward(64, steps, quiet),
        "mismatch_and_noise": subject.forward(64, steps, noisy),
    }
    times = medians_s(cases, rounds)
    return [
        Row(
            f"forward 64, {name.replace('_', ' ')} against ideal: slower by",
            times[name] / times["ideal"],
            "x",
            1.3,
            lower_is_better=True,
            detail=milliseconds(ideal=times["ideal"], silicon=times[name]),
        )
        for name in ("mismatch", "mismatch_and_noise")
    ]


def memory_rows(subject: Subject) -> list[Row]:
    """What loading an image into the kernels costs."""
    start = time.thread_time()
    engine = CoreEngine(subject.image, kernel=subject.engine.kernel)
    elapsed = time.thread_time() - start
    loaded = Subject(subject.spec, subject.image, engine)
    packed = subject.image.n_synapses / 2
    loaded.learning_step(64)(0)
    return [
        Row("repacking the image", 1e3 * elapsed, "ms"),
        Row(
            "repacked weights, transposed copy and buffers of a learning step 64, against the packed weights",
            loaded.array.total_bytes / packed,
            "x",
            2.2,
            lower_is_better=True,
            detail=f"{loaded.array.total_bytes / 1e6:.1f} MB against {packed / 1e6:.1f} MB",
        ),
    ]


def call_rows(subject: Subject, rounds: int) -> list[Row]:
    """What a call costs beyond the kernel: a run of no sample with bound pointers, and through the engine."""
    empty = subject.forward(0)
    point, x = subject.nominal(), np.zeros((0, 1, subject.image.n_inputs), np.uint8)
    times = medians_s({"bound": empty, "engine": lambda _: subject.engine.forward(point, x, 0)}, rounds)
    return [
        Row("a call with bound pointers, no sample", 1e6 * times["bound"], "us", 1.0, lower_is_better=True),
        Row("a call of CoreEngine.forward, no sample (arrays made, inputs checked)", 1e6 * times["engine"], "us"),
    ]
