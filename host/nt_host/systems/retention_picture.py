"""Picture of the retention study: accuracy against time since refresh."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_host.systems.retention import Point, Store, mean_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))


def _draw(axes: Axes, points: Sequence[Point], stores: Sequence[Store], measure: str, colour: str) -> None:
    for store, (line, marker) in zip(stores, _STYLES, strict=False):
        ages, values = mean_curve(points, store, measure)
        shown = [100 * value for value in values[1:]]
        axes.plot(
            ages[1:],
            shown,
            linestyle=line,
            marker=marker,
            markersize=3.5,
            linewidth=1.4,
            color=colour,
            label=store.name,
        )


def write_retention_picture(path: Path, points: Sequence[Point], stores: Sequence[Store], tolerance: float) -> None:
    """One panel for argmax, one for strict accuracy; the dashed level is the fresh accuracy less `tolerance`."""
    figure = new_figure(9.2, 4.2)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, measure, colour in zip(panels, ("argmax", "strict"), (ARGMAX_COLOUR, STRICT_COLOUR), strict=True):
        _draw(axes, points, stores, measure, colour)
        level = 100 * (mean_curve(points, stores[0], measure)[1][0] - tolerance)
        axes.axhline(level, color=MUTED_COLOUR, linewidth=0.9, linestyle="--")
        axes.set_xscale("log")
        axes.set_ylim(0, 104)
        axes.set_xlabel("time since refresh (median time constants)")
        axes.set_title(f"{measure} (grey: fresh less {100 * tolerance:g} points)", loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8, loc="lower left")
        tidy(axes)
    panels[0].set_ylabel("accuracy on the test (%)")
    save_png(path, figure)
