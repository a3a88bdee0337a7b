"""Words as numbers: those of the training questions, and three stand-ins for words that were never seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

NUMBER, CAPITALISED, OTHER = 0, 1, 2
FIRST_WORD = 3


def stand_in(word: str) -> int:
    """Which of the three stand-ins an unknown `word` gets: with a digit, with a capital first, any other."""
    if any(letter.isdigit() for letter in word):
        return NUMBER
    return CAPITALISED if word[:1].isupper() else OTHER


@dataclass(frozen=True, eq=False)
class WordRows:
    """n questions as numbers: `words` and their stand-ins `shapes` (n, L) int64, rubbish from `lengths` (n,) on."""

    words: Int64Array
    shapes: Int64Array
    lengths: Int64Array

    def take(self, rows: Int64Array) -> WordRows:
        """The questions at `rows`, in that order."""
        return WordRows(self.words[rows], self.shapes[rows], self.lengths[rows])

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class Vocabulary:
    """`index` of each known word in lower case, from FIRST_WORD on; questions are cut after `max_words` words, and read
    from there to the first word where `backwards`."""

    index: Mapping[str, int]
    max_words: int
    backwards: bool = False

    @classmethod
    def of(
        cls, questions: Sequence[Sequence[str]], min_uses: int, max_words: int, *, backwards: bool = False
    ) -> Vocabulary:
        """Words that occur at least `min_uses` times in `questions`."""
        uses = Counter(word.lower() for words in questions for word in words)
        kept = sorted(word for word, count in uses.items() if count >= min_uses)
        return cls({word: FIRST_WORD + place for place, word in enumerate(kept)}, max_words, backwards)

    def __len__(self) -> int:
        return FIRST_WORD + len(self.index)

    def rows(self, questions: Sequence[Sequence[str]]) -> WordRows:
        """Numbers of all words; a word that is not known is its stand-in."""
        cut = [words[: self.max_words][:: -1 if self.backwards else 1] for words in questions]
        lengths = np.array([len(words) for words in cut], np.int64)
        known, shapes = (np.zeros((len(cut), int(lengths.max())), np.int64) for _ in range(2))
        for row, words in enumerate(cut):
            for place, word in enumerate(words):
                shapes[row, place] = stand_in(word)
                known[row, place] = self.index.get(word.lower(), stand_in(word))
        return WordRows(known, shapes, lengths)
