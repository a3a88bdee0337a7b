"""Picture of the soft LIF study: accuracy against the spread of the chips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_host.systems.soft_lif import CORNERS, SOFT_STEPS, SPREADS_PERCENT, VARIANTS, Outcome, mean_of

_STYLES = (
    (MUTED_COLOUR, "--", "o"),
    (MUTED_COLOUR, "-", "s"),
    (ARGMAX_COLOUR, "--", "o"),
    (ARGMAX_COLOUR, "-", "^"),
    (ARGMAX_COLOUR, "-", "D"),
    (STRICT_COLOUR, "-", "s"),
)


def write_soft_lif_picture(path: Path, outcomes: Sequence[Outcome]) -> None:
    """One panel for argmax, one for strict accuracy; a line per training."""
    figure = new_figure(9.2, 4.8)
    panels = figure.subplots(1, 2, sharex=True)
    spreads = (0, *SPREADS_PERCENT)
    for axes, measure in zip(panels, ("argmax", "strict"), strict=True):
        for variant, (colour, line, marker) in zip(VARIANTS, _STYLES, strict=True):
            n_steps = SOFT_STEPS[0] if variant.soft else 1
            values = [100 * mean_of(outcomes, variant.name, n_steps, corner.name, measure) for corner in CORNERS]
            label = f"{variant.name} ({n_steps} step{'s' if n_steps > 1 else ''})"
            axes.plot(spreads, values, color=colour, linestyle=line, marker=marker, markersize=4, label=label)
        axes.set_xticks(spreads, ["ideal", *(f"{percent} %" for percent in SPREADS_PERCENT)])
        axes.set_xlabel("spread of the neurons' gains")
        axes.set_title(measure, loc="left", fontsize=10)
        tidy(axes)
    panels[0].set_ylabel("accuracy on the clean test (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=3, loc="outside lower center")
    save_png(path, figure)
