"""Picture of the study `eqprop`: learning curve, and the tilted test before and after the codes were moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_host.spread import mean_and_spread
from nt_host.systems.eqprop.chips import DEFAULT_RULE, LOCAL, ChipOutcome, ChipPlan, state_name, values_of

SETTLED_ARGMAX = 2


def _draw_curve(axes: Axes, curve: Sequence[float]) -> None:
    axes.plot(np.arange(1, len(curve) + 1), 100 * np.asarray(curve), "o-", color=ARGMAX_COLOUR, markersize=4)
    axes.set_xlabel("epoch of training")
    axes.set_ylabel("accuracy on held-out images (%)")
    axes.set_title("spiking network, 4-bit weights", loc="left", fontsize=10)


def _draw_rules(axes: Axes, outcomes: Sequence[ChipOutcome], plan: ChipPlan) -> None:
    before = 100 * float(np.mean(values_of(outcomes, "tilted", SETTLED_ARGMAX)))
    axes.axhline(before, color=MUTED_COLOUR, linewidth=0.9, linestyle="--", label="no adaptation")
    styles = ((LOCAL, ARGMAX_COLOUR, "o-", "gain-only, local"), (DEFAULT_RULE, STRICT_COLOUR, "s--", "dmn"))
    for rule, colour, style, label in styles:
        values = [values_of(outcomes, state_name(rule, each), SETTLED_ARGMAX) for each in plan.labels_per_class]
        labels = [10 * each for each in plan.labels_per_class]
        means, spreads = zip(*(mean_and_spread([100 * one for one in each]) for each in values), strict=True)
        axes.errorbar(labels, means, spreads, fmt=style, color=colour, capsize=3, markersize=4, label=label)
    axes.set_xscale("log")
    axes.set_xticks([10 * each for each in plan.labels_per_class], [f"{10 * each:,}" for each in plan.labels_per_class])
    axes.minorticks_off()
    axes.set_xlabel("labelled samples")
    axes.set_ylabel("accuracy on the tilted test (%)")
    axes.set_title(f"tilted by {plan.degrees:g} degrees, codes alone", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def write_eqprop_picture(path: Path, curve: Sequence[float], outcomes: Sequence[ChipOutcome], plan: ChipPlan) -> None:
    """Learning curve (accuracies 0..1 by epoch) on the left, adaptation on the right."""
    figure = new_figure(9.2, 3.8)
    left, right = figure.subplots(1, 2)
    _draw_curve(left, curve)
    _draw_rules(right, outcomes, plan)
    tidy(left)
    tidy(right)
    save_png(path, figure)
