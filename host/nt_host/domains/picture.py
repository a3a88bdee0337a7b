"""Picture of study `domains`: accuracy after adaptation against the number of codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_host.spread import mean_and_spread


class Measured(Protocol):
    """What the picture needs of a point."""

    @property
    def task(self) -> str: ...
    @property
    def n_codes(self) -> int: ...
    @property
    def argmax_before(self) -> float: ...
    @property
    def argmax(self) -> float: ...
    @property
    def strict(self) -> float: ...


def write_domains_picture(path: Path, points: Sequence[Measured]) -> None:
    """A panel per task: argmax and strict accuracy over the number of codes, logarithmic; dashed: before."""
    tasks = list(dict.fromkeys(point.task for point in points))
    figure = new_figure(4.6 * len(tasks), 3.8)
    panels = np.atleast_1d(figure.subplots(1, len(tasks)))
    for axes, task in zip(panels, tasks, strict=True):
        here = [point for point in points if point.task == task]
        counts = sorted({point.n_codes for point in here})
        for measure, colour in (("argmax", ARGMAX_COLOUR), ("strict", STRICT_COLOUR)):
            values = [[100 * getattr(p, measure) for p in here if p.n_codes == count] for count in counts]
            means, spreads = zip(*map(mean_and_spread, values), strict=True)
            axes.errorbar(counts, means, spreads, color=colour, marker="o", markersize=4, capsize=2, label=measure)
        before = 100 * np.mean([point.argmax_before for point in here])
        axes.axhline(before, color=MUTED_COLOUR, linestyle="--", linewidth=1, label="argmax before")
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [f"{count:,}" for count in counts], rotation=45)
        axes.minorticks_off()
        axes.set_xlabel("codes (power domains)")
        axes.set_title(task, loc="left", fontsize=10)
        tidy(axes)
    panels[0].set_ylabel("accuracy after adaptation (%)")
    panels[0].legend(frameon=False, fontsize=8)
    save_png(path, figure)
