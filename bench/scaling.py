"""Cost of the forward pass against synapses, neurons, batch, steps, activity and threads: docs/img/scaling.png.

Usage: python -m bench.scaling [docs/img/scaling.png]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log10

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nt_host.benchmark.network import NetworkSpec
from nt_host.benchmark.subject import Subject
from nt_host.benchmark.timing import medians_s
from nt_model.core import HostOptions

ROUNDS = 15
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


def plain_ticks(axis: Axis, values: tuple[float, ...]) -> None:
    """Ticks at powers of ten, with room at 2 and 5 times them too, labelled as plain numbers."""
    decades = log10(max(values) / min(values))
    axis.set_major_locator(
        LogLocator(subs=(1.0,) if decades > 3 else (1.0, 2.0, 5.0) if decades > 0.8 else range(1, 10))
    )
    axis.set_major_formatter(FuncFormatter(lambda value, place: engineering(value)))
    axis.set_minor_formatter(NullFormatter())


def engineering(value: float) -> str:
    """2000 as 2k, 3000000 as 3M, small numbers as they are."""
    for limit, name in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{name}"
    return f"{value:g}"


def draw(axes: Axes, panel: Panel) -> None:
    """Measure and draw one picture."""
    times = [1e3 * panel.cost_s(value) for value in panel.values]
    axes.loglog(panel.values, times, "o-", color="tab:blue")
    is_inverse = "threads" in panel.label
    ideal = [times[0] * panel.values[0] / value for value in panel.values]
    if not is_inverse:
        ideal = [times[-1] * value / panel.values[-1] for value in panel.values]
    axes.loglog(panel.values, ideal, ":", color="gray", label="1 / threads" if is_inverse else "proportional")
    axes.legend(frameon=False)
    axes.set_xlabel(panel.label)
    axes.set_ylabel("forward pass, ms")
    axes.grid(True, which="major", alpha=0.3)
    shown = (*times, *(each for each in ideal if each > 0))
    plain_ticks(axes.xaxis, panel.values)
    plain_ticks(axes.yaxis, shown)
    if len(panel.values) < 4:
        axes.set_xticks(panel.values, [f"{value:g}" for value in panel.values])


def main(path: str) -> None:
    figure, grid = plt.subplots(2, 3, figsize=(11, 6.5), layout="constrained")
    for panel, axes in zip(panels(), grid.flat, strict=True):
        draw(axes, panel)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "docs/img/scaling.png")
