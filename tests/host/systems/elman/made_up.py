"""A made-up question set: the class hangs on the first and on the last word, with words of no meaning between."""

from __future__ import annotations

import numpy as np

from nt_host.tasks.trec import Questions

OPENINGS = ("who", "what")
FILLERS = ("the", "old", "first")
NOUNS = ("town", "year")


def made_up_questions(n: int, seed: int) -> Questions:
    """`n` questions of 3 to 5 words; each pair of opening and noun is a class."""
    rng = np.random.default_rng(seed)
    words, labels = [], []
    for _ in range(n):
        opening, noun = int(rng.integers(2)), int(rng.integers(2))
        middle = rng.choice(FILLERS, int(rng.integers(1, 4))).tolist()
        words.append((OPENINGS[opening].capitalize(), *middle, NOUNS[noun]))
        labels.append(2 * opening + noun)
    return Questions(tuple(words), np.array(labels, np.int64), ("A", "B", "C", "D"))
