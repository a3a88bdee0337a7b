"""Questions on a chip: one presentation per word, hidden spikes fed back by the delay line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip, Readout
from nt_host.adapt.stepper import need
from nt_host.encode import encode
from nt_host.readout import class_scores
from nt_host.systems.elman.constrained import ElmanNetwork, counted
from nt_host.systems.elman.delay import DelayLine
from nt_host.systems.elman.words import WordRows
from nt_model.image import Image

Int64Array = NDArray[np.int64]


def spiking_scores(
    chip: Chip,
    image: Image,
    network: ElmanNetwork,
    questions: WordRows,
    *,
    last_state: bool = False,
    connected: bool = True,
) -> Int64Array:
    """Class scores (n, C) int64: spikes of each class's population over the words of a question, or over
    its last presentation alone with `last_state`.

    All questions go through the chip side by side, word by word; `connected` as in DelayLine. Raises UsageError where
    the chip does not show its hidden spikes, and as `Chip.present`.
    """
    need(chip, Capability.HIDDEN_SPIKES, "hidden spikes")
    line = DelayLine(len(questions), network.n_hidden, connected=connected)
    scores = np.zeros((len(questions), image.n_classes), np.int64)
    for place in range(int(questions.lengths.max())):
        rows = np.flatnonzero(questions.lengths > place)
        levels = np.concatenate([network.word_level[questions.words[rows, place]], line.out(rows)], axis=1)
        events = encode(image.encoder, levels.astype(np.float32), image.n_steps)
        hidden, output = chip.present(events, Readout(hidden=True)).plain
        line.put(rows, hidden)
        counts = counted(questions, rows, place, last_state=last_state)
        scores[rows] += counts * class_scores(image.readout_class, output)
    return scores
