"""Picture of XOR in the circuit: membranes of the three neurons for one spike train and for both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, save_png, tidy
from nt_host.xor.in_circuit import run_image
from nt_host.xor.network import CASES, xor_events
from nt_model.devices import DEVICES
from nt_model.image import CODE_DEFAULT, Image

SHOWN = ((0, 1), (1, 1))


def write_xor_picture(path: Path, image: Image) -> None:
    """Write the picture as PNG to `path`; runs the circuit."""
    events = xor_events(image)
    codes = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    rows = [CASES.index(case) for case in SHOWN]
    found = run_image(image, codes, events[rows])
    figure = new_figure(7.4, 5.4)
    grid = figure.subplots(3, len(SHOWN), sharex=True, sharey=True)
    names = (("input neuron 1", 0, 0), ("input neuron 2", 0, 1), ("output neuron", 1, 0))
    for column, (case, sample) in enumerate(zip(SHOWN, found, strict=True)):
        for row, (name, layer, index) in enumerate(names):
            axes, trace = grid[row, column], sample[layer][index]
            colour = STRICT_COLOUR if layer else ARGMAX_COLOUR
            axes.plot(trace.time_s * 1e6, trace.membrane_v * 1e3, color=colour, linewidth=1)
            axes.axhline(DEVICES.neuron.threshold_mv, color=MUTED_COLOUR, linewidth=0.8, linestyle="--")
            axes.set_title(f"{case[0]} xor {case[1]}, {name}: {trace.spikes} spikes", loc="left", fontsize=9)
            tidy(axes)
        grid[-1, column].set_xlabel("time (µs)")
    for row in range(3):
        grid[row, 0].set_ylabel("membrane (mV)")
    save_png(path, figure)
