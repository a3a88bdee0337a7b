"""Pictures of the circuit study."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nt_host.circuit.gain_check import N_CODES, GainCheck
from nt_host.circuit.supply_sweep import SHOWN_MV, SUPPLIES_MV, SWEEP_STEPS, SupplySweep, sweep_input
from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_model.devices import DEVICES


def write_gain_picture(path: Path, check: GainCheck) -> None:
    """Gain law and circuit over the codes, and their relative difference."""
    figure = new_figure(7.4, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    code = np.arange(N_CODES)
    upper.plot(code, check.law, color=ARGMAX_COLOUR, linewidth=1.8, label="gain law, integers (Q4.12)")
    every = 15
    upper.plot(
        code[::every], check.circuit[0, ::every], "o", color=STRICT_COLOUR, markersize=5, label="circuit, 1-LSB source"
    )
    upper.set_ylabel("gain (1 at code 128)")
    upper.legend(frameon=False, fontsize=9)
    upper.set_title("Synapse mirror with resistive load, 0.5 to 1.0 V", loc="left", fontsize=11)
    for row, lsb in enumerate(check.source_lsb):
        if lsb in (1, -4):
            error = 1e3 * (check.circuit[row] / check.law - 1)
            kind = f"source {lsb} LSB" if lsb > 0 else f"sink {-lsb} LSB"
            colour, line = (STRICT_COLOUR, "-") if lsb > 0 else (ARGMAX_COLOUR, ":")
            lower.plot(code, error, line, color=colour, linewidth=1.1, label=kind)
    for bound in (-1, 1):
        lower.axhline(bound, color=MUTED_COLOUR, linewidth=0.8, linestyle="--")
    lower.set_ylim(-1.4, 1.4)
    lower.set_ylabel("circuit / law - 1 (1e-3)")
    lower.set_xlabel("DAC code (0 = 0.5 V, 255 = 1.0 V)")
    lower.legend(frameon=False, fontsize=8, ncols=2)
    for axes in (upper, lower):
        tidy(axes)
    save_png(path, figure)


def write_membrane_picture(path: Path, sweep: SupplySweep) -> None:
    """Input events, membrane at the two supplies of the paper's figure 4, and spikes against supply."""
    figure = new_figure(7.4, 6.4)
    grid = figure.add_gridspec(4, 1, height_ratios=[0.5, 1.3, 1.3, 1.4])
    first = figure.add_subplot(grid[0])
    step_us = DEVICES.neuron.step_s * 1e6
    for row, train in enumerate(sweep_input().T):
        first.vlines(np.flatnonzero(train) * step_us, row + 0.1, row + 0.9, color=MUTED_COLOUR, linewidth=2)
    first.set_yticks([0.5, 1.5], ["input 1", "input 2"])
    first.set_title("The same input at two supplies (circuit)", loc="left", fontsize=11)
    for place, supply_mv, colour in zip((1, 2), SHOWN_MV, (ARGMAX_COLOUR, STRICT_COLOUR), strict=True):
        circuit, model, trace = sweep.at(supply_mv)
        axes = figure.add_subplot(grid[place], sharex=first)
        axes.plot(trace.time_s * 1e6, trace.membrane_v * 1e3, color=colour, linewidth=1)
        axes.axhline(DEVICES.neuron.threshold_mv, color=MUTED_COLOUR, linewidth=0.8, linestyle="--")
        axes.set_ylabel("membrane (mV)")
        axes.set_ylim(240, 362)
        axes.set_title(f"{supply_mv} mV: {circuit} spikes, golden model {model}", loc="left", fontsize=9, color=colour)
        tidy(axes)
    axes.set_xlabel("time (µs)")
    first.set_xlim(0, SWEEP_STEPS * step_us)
    tidy(first)
    last = figure.add_subplot(grid[3])
    last.plot(SUPPLIES_MV, sweep.model, "-", color=MUTED_COLOUR, label="golden model", drawstyle="steps-mid")
    last.plot(SUPPLIES_MV, sweep.circuit, "o", color=ARGMAX_COLOUR, markersize=5, label="circuit")
    last.set_xlabel("supply of the domain (mV)")
    last.set_ylabel("spikes")
    last.legend(frameon=False, fontsize=9)
    tidy(last)
    save_png(path, figure)
