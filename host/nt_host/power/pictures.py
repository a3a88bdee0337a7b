"""Pictures of the power study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_model.devices import DEVICES
from nt_model.energy import spike_energy_fj
from nt_model.gain import nominal_gain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_spike_picture(path: Path, rate_hz: Sequence[float]) -> None:
    """Energy per spike and rate of a neuron under constant full drive against the supply; `rate_hz` (256,)."""
    supply_v = [DEVICES.supply_v(code) for code in range(256)]
    figure = new_figure(7.4, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.plot(supply_v, spike_energy_fj(nominal_gain()) * 1e-3, color=ARGMAX_COLOUR, linewidth=1.8)
    upper.axhline(1.0, color=MUTED_COLOUR, linewidth=0.9, linestyle="--")
    upper.annotate("1 pJ", (0.5, 1.0), xytext=(2, -11), textcoords="offset points", fontsize=8, color=MUTED_COLOUR)
    upper.set_ylim(0, None)
    upper.set_ylabel("energy per spike (pJ)")
    upper.set_title("One neuron under constant full drive (energy model)", loc="left", fontsize=11)
    lower.plot(supply_v, np.array(rate_hz) * 1e-6, color=STRICT_COLOUR, linewidth=1.8)
    lower.axhline(3.3, color=MUTED_COLOUR, linewidth=0.9, linestyle="--")
    lower.annotate("3.3 MHz", (0.5, 3.3), xytext=(2, -11), textcoords="offset points", fontsize=8, color=MUTED_COLOUR)
    lower.set_ylim(0, None)
    lower.set_ylabel("spikes (MHz)")
    lower.set_xlabel("supply of the domain (V)")
    for axes in (upper, lower):
        tidy(axes)
    save_png(path, figure)


@dataclass(frozen=True)
class BudgetPoint:
    """One setting: energy of an inference (nJ), and (mean, spread) of both accuracies as shares 0..1."""

    name: str
    energy_nj: float
    argmax: tuple[float, float]
    strict: tuple[float, float]


def _draw_points(axes: Axes, points: Sequence[BudgetPoint], measure: str, line: str, label: str, colour: str) -> None:
    values = [getattr(point, measure) for point in points]
    axes.errorbar(
        [point.energy_nj for point in points],
        [100 * mean for mean, _ in values],
        [100 * spread for _, spread in values],
        fmt=line,
        color=colour,
        markersize=5,
        linewidth=1.4,
        capsize=3,
        label=f"{measure}, {label}",
    )


def write_budget_picture(path: Path, points: Sequence[BudgetPoint]) -> None:
    """Accuracy against energy; the first two points are those without a budget."""
    figure = new_figure(7.4, 4.6)
    axes = figure.add_subplot()
    for measure, colour in (("argmax", ARGMAX_COLOUR), ("strict", STRICT_COLOUR)):
        _draw_points(axes, points[2:], measure, "o-", "power budget", colour)
        _draw_points(axes, points[:2], measure, "s", "no budget", colour)
    for point in points[2:]:
        axes.annotate(
            point.name,
            (point.energy_nj, 100 * point.argmax[0]),
            xytext=(-6, 8),
            textcoords="offset points",
            fontsize=8,
            color=MUTED_COLOUR,
            ha="right",
        )
    energies = [point.energy_nj for point in points]
    axes.set_xlim(min(energies) - 0.12 * (max(energies) - min(energies)), None)
    axes.set_ylim(0, 108)
    axes.set_xlabel("estimated energy per inference (nJ)")
    axes.set_ylabel("accuracy on the test (%)")
    axes.set_title("Energy saved against accuracy lost: digits, tilted camera", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    tidy(axes)
    save_png(path, figure)
