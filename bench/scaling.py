"""Cost of the forward pass against synapses, neurons, batch, steps, activity and threads: docs/img/scaling.png.

Usage: python -m bench.scaling [docs/img/scaling.png]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

from nt_host.benchmark.network import NetworkSpec
from nt_host.benchmark.subject import Subject
from nt_host.benchmark.timing import medians_s
from nt_model.core import HostOptions

ROUNDS = 5
SIDE = 2048


@dataclass(frozen=True)
class Panel:
    """One picture: milliseconds of a forward pass over `values` of what `label` names."""

    label: str
    values: tuple[float, ...]
    cost_s: Callable[[float], float]


def cost_s(spec: NetworkSpec, batch: int = 64, steps: int = 1) -> float:
    """Median CPU seconds of a forward pass."""
    return medians_s({"ours": Subject.build(spec).forward(batch, steps)}, ROUNDS)["ours"]


def cost_of_threads_s(threads: float) -> float:
    """Median wall seconds on `threads` threads."""
    subject = Subject.build(NetworkSpec((SIDE, SIDE)))
    threaded = subject.with_kernel(subject.engine.kernel, HostOptions(threads=int(threads)))
    return medians_s({"ours": threaded.forward(256)}, ROUNDS, time.perf_counter)["ours"]


def panels() -> Iterator[Panel]:
    """All pictures; a layer of 2048 x 2048, batch 64, one step, 25 % active where a panel does not say otherwise."""
    square = NetworkSpec((SIDE, SIDE))
    powers = tuple(2.0**k for k in range(9))
    yield Panel("synapses (square layer)", tuple(4.0**k * 2**14 for k in range(6)), lambda n: cost_s(_square(n)))
    yield Panel("neurons (2048 inputs)", tuple(128 * p for p in powers[:6]), lambda n: cost_s(_wide(n)))
    yield Panel("batch", powers, lambda n: cost_s(square, int(n)))
    yield Panel("steps T (batch 16)", powers[:6], lambda n: cost_s(square, 16, int(n)))
    shares = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
    yield Panel("activity", shares, lambda a: cost_s(NetworkSpec((SIDE, SIDE), a)))
    yield Panel("threads (batch 256, wall time)", (1, 2), cost_of_threads_s)


def _square(synapses: float) -> NetworkSpec:
    side = round(synapses**0.5)
    return NetworkSpec((side, side))


def _wide(neurons: float) -> NetworkSpec:
    return NetworkSpec((SIDE, int(neurons)))


def main(path: str) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.5), layout="constrained")
    for panel, axis in zip(panels(), axes.flat, strict=True):
        times = [1e3 * panel.cost_s(value) for value in panel.values]
        axis.loglog(panel.values, times, "o-", color="tab:blue")
        slope = [times[-1] * value / panel.values[-1] for value in panel.values]
        if "threads" not in panel.label:
            axis.loglog(panel.values, slope, ":", color="gray", label="proportional")
            axis.legend(frameon=False)
        axis.set_xlabel(panel.label)
        axis.xaxis.set_minor_formatter(NullFormatter())
        if len(panel.values) < 3:
            axis.set_xticks(panel.values, [f"{value:g}" for value in panel.values])
        axis.set_ylabel("forward pass, ms")
        axis.grid(True, which="major", alpha=0.3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "docs/img/scaling.png")
