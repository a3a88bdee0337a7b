"""TREC questions: what kind of answer a question asks for, six coarse classes (Li and Roth 2002).

Not one of `TASKS`: a question is a sequence of words and not a row of features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.recordings import Recording, load_recording
from nt_model.errors import UsageError

Int64Array = NDArray[np.int64]

RECORDING = Recording(
    file_name="trec.npz",
    arrays=("text_train_utf8", "text_test_utf8", "y_train", "y_test", "coarse_names"),
    origin="download the question classification sets train_5500.label and TREC_10.label of Li and Roth from "
    "https://cogcomp.seas.upenn.edu/Data/QA/QC/ and store the questions as newline-joined UTF-8 bytes text_train_utf8, "
    "text_test_utf8 (uint8), their coarse classes y_train, y_test (0..5) and coarse_names (6,) as trec.npz",
)
QUESTION_MARK = "?"


@dataclass(frozen=True, eq=False)
class Questions:
    """n questions.

    Attributes:
        words: words of each question in reading order, case kept, at least one; no final question mark.
        labels: (n,) int64, index into `class_names`.
        class_names: one text per class.

    Raises:
        UsageError: a question has no word, or labels do not fit.
    """

    words: tuple[tuple[str, ...], ...]
    labels: Int64Array
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        empty = [index for index, words in enumerate(self.words) if not words]
        if empty:
            raise _refused("a question has no word", f"{len(empty)} of them, first question {empty[0]}")
        if self.labels.shape != (len(self.words),) or not self.words:
            raise _refused(
                "the labels do not fit the questions", f"labels {self.labels.shape}, {len(self.words)} questions"
            )
        if int(self.labels.min()) < 0 or int(self.labels.max()) >= len(self.class_names):
            raise _refused(
                f"a label is out of range 0..{len(self.class_names) - 1}",
                f"labels {int(self.labels.min())} to {int(self.labels.max())}",
            )

    def __len__(self) -> int:
        return len(self.words)

    def take(self, rows: Int64Array) -> Questions:
        """The questions at `rows`, at least one."""
        return Questions(tuple(self.words[int(row)] for row in rows), self.labels[rows], self.class_names)


def _refused(cause: str, evidence: str) -> UsageError:
    return UsageError(cause, evidence=evidence, next_step="store the questions again from the original")


def words_of(text: str) -> tuple[str, ...]:
    """Words of a question whose words are set apart by blanks; a question mark at the end is left out."""
    words = text.split()
    if len(words) > 1 and words[-1] == QUESTION_MARK:
        words = words[:-1]
    return tuple(words)


def questions_of(text_utf8: NDArray[np.generic], labels: NDArray[np.generic], names: tuple[str, ...]) -> Questions:
    """Questions from newline-joined UTF-8 bytes (uint8) and labels (n,); UsageError where they do not fit."""
    try:
        lines = text_utf8.astype(np.uint8).tobytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise _refused("the questions are not UTF-8 text", str(error)) from error
    return Questions(tuple(words_of(line) for line in lines), labels.astype(np.int64), names)


def load_questions() -> tuple[Questions, Questions]:
    """Official training (5,452) and test (500) questions.

    Raises:
        EnvironmentMissingError: the recording is not on this machine; says where the original is.
        UsageError: the file is damaged.
    """
    arrays = load_recording(RECORDING)
    names = tuple(str(name) for name in arrays["coarse_names"])
    train, test = (questions_of(arrays[f"text_{part}_utf8"], arrays[f"y_{part}"], names) for part in ("train", "test"))
    return train, test
