"""Bring a fresh simulated chip to the age of the one that a killed run had.

A simulated chip's noise and drift are functions of its own sample counter. A chip inside the host's process
(`--port sim:...`) dies with it, and a resumed run meets one that is fresh: it is aged by presenting as many samples as
the old one had seen, over the wire like everything else. Real, emulated and served chips live on and are left alone.
"""

from __future__ import annotations

import numpy as np

from nt_hil.chip import Chip, Readout
from nt_hil.port import SimPort, parse_port

BATCH = 4096


def starts_fresh(port: str) -> bool:
    """Whether the chip at `port` lives inside this process and is new each time it is opened."""
    return isinstance(parse_port(port), SimPort)


def age(chip: Chip, samples: int, n_steps: int | None = None) -> None:
    """Present silent samples of `n_steps` time steps (None: the image's own number) until `chip` has presented
    `samples` in all; its codes stay as they are."""
    missing = samples - chip.status().samples_presented
    if missing <= 0:
        return
    chip.load_samples(np.zeros((1, chip.info.layer_sizes[0]), np.uint8))
    while missing > 0:
        count = min(missing, BATCH)
        chip.present_loaded(np.zeros(count, np.int64), Readout(), n_steps)
        missing -= count
