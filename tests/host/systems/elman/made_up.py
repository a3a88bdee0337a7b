"""A made-up question set: the class hangs on the first word and on one of the last, so that memory is needed."""

from __future__ import annotations

import numpy as np

from nt_host.tasks.trec import Questions

OPENINGS = ("who", "what", "how")
FILLERS = ("the", "old", "first", "big", "in", "of", "was")
NOUNS = ("town", "year")


def made_up_questions(n: int, seed: int) -> Questions:
    """`n` questions of 3 to 7 words; the class is (opening + noun) modulo 3."""
    rng = np.random.default_rng(seed)
    words, labels = [], []
    for _ in range(n):
        opening, noun = int(rng.integers(3)), int(rng.integers(2))
        middle = rng.choice(FILLERS, int(rng.integers(1, 6))).tolist()
        words.append((OPENINGS[opening].capitalize(), *middle, NOUNS[noun]))
        labels.append((opening + noun) % 3)
    return Questions(tuple(words), np.array(labels, np.int64), ("A", "B", "C"))
