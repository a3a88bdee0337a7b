"""Adaptation curve: accuracy on the held-out labels over learning steps, with the test before and after."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, tidy
from nt_model.image_file import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _test_ends(axes: Axes, records: Sequence[dict[str, Any]], last_step: int) -> None:
    ends = {record["kind"]: record["test"] for record in records if "test" in record}
    for key, colour, marker in (("argmax", ARGMAX_COLOUR, "o"), ("strict", STRICT_COLOUR, "s")):
        for kind, step, side in (("before", 0, -1), ("after", last_step, 1)):
            if kind in ends:
                value = 100 * ends[kind][key]
                axes.plot(
                    step, value, marker, color=colour, markersize=8, markeredgecolor="white", clip_on=False, zorder=5
                )
                axes.annotate(
                    f"{value:.1f} %",
                    (step, value),
                    xytext=(side * 9, 0),
                    textcoords="offset points",
                    ha="left" if side > 0 else "right",
                    va="center",
                    color=colour,
                    fontsize=9,
                )


def write_curve(path: Path, records: Sequence[dict[str, Any]], kept_step: int) -> None:
    """Write the curve of a run's `records` (metrics.jsonl) as PNG to `path`; the codes of `kept_step` were kept."""
    judged = [record for record in records if record["kind"] == "judgement" and record["held_out"] is not None]
    steps = [record["step"] for record in judged]
    last_step = max([record["step"] for record in records], default=1)
    figure = new_figure(7.4, 4.2)
    axes = figure.add_subplot()
    for key, colour in (("argmax", ARGMAX_COLOUR), ("strict", STRICT_COLOUR)):
        values = [100 * record["held_out"][key] for record in judged]
        axes.plot(steps, values, color=colour, linewidth=1.6, label=f"{key}, held-out labels")
        axes.plot([], [], "o" if key == "argmax" else "s", color=colour, label=f"{key}, test before and after")
    refit = [record["step"] for record in records if record.get("round") == "refit"]
    if refit:
        axes.axvspan(steps[-1], refit[-1], color=MUTED_COLOUR, alpha=0.12, linewidth=0, label="refit with all labels")
    axes.axvline(kept_step, color=MUTED_COLOUR, linewidth=1, linestyle="--", label="codes kept")
    _test_ends(axes, records, last_step)
    tidy(axes)
    margin = 0.12 * max(1, last_step)
    axes.set_xlim(-margin, last_step + margin)
    axes.set_ylim(0, 104)
    axes.set_xlabel("learning step (minibatches)")
    axes.set_ylabel("accuracy (%)")
    axes.set_title("Adaptation by DAC codes alone", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="lower right", ncols=2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
