"""Yield curve: share of the chips that reach an accuracy, against that accuracy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, tidy
from nt_model.image_file import write_atomically

COLOURS = {"strict": STRICT_COLOUR, "argmax": ARGMAX_COLOUR}
DASHES = {"untouched": "--", "calibrated": "-"}


def write_yield_curve(path: Path, table: dict[str, Any]) -> None:
    """Write the curves of a Monte Carlo `table` as PNG to `path`."""
    figure = new_figure(7.4, 4.2)
    axes = figure.add_subplot()
    plan = table["plan"]
    lowest = 1.0
    for measure, colour in COLOURS.items():
        for state, by_measure in table["accuracies"].items():
            values = np.sort(by_measure[measure])
            share = 100 * (len(values) - np.arange(len(values))) / len(values)
            required = 100 * np.concatenate(([0.0], values, values[-1:]))
            axes.step(
                required,
                np.concatenate(([100.0], share, [0.0])),
                where="pre",
                color=colour,
                linestyle=DASHES[state],
                linewidth=1.6,
                label=f"{measure}, {state}",
            )
            lowest = min(lowest, float(np.quantile(values, 0.002)))
        ideal = 100 * table["ideal"][measure]
        axes.axvline(ideal, color=colour, linewidth=1, alpha=0.45)
        axes.annotate("ideal", (ideal, 103), color=colour, fontsize=8, ha="center", annotation_clip=False)
    tidy(axes)
    axes.spines["left"].set_color(MUTED_COLOUR)
    best = max(max(by[measure]) for by in table["accuracies"].values() for measure in COLOURS)
    axes.set_xlim(100 * lowest - 0.5, min(100.0, 100 * max(best, *table["ideal"].values()) + 0.5))
    axes.set_ylim(0, 102)
    axes.set_xlabel(f"required accuracy on {table['samples']} test samples (%)")
    axes.set_ylabel("chips that reach it (%)")
    axes.set_title(f"{plan['chips']:,} chips of corner {plan['corner']}", loc="left", fontsize=11, pad=14)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
