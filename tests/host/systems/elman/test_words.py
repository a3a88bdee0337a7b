"""Words as numbers, and the loader of the questions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nt_host.systems.elman.words import CAPITALISED, FIRST_WORD, NUMBER, OTHER, Vocabulary
from nt_host.tasks.trec import Questions, load_questions, questions_of, words_of
from nt_model.errors import EnvironmentMissingError, UsageError

from .made_up import made_up_questions

TEXT = ("Who was Galileo ?", "What is an atom ?", "What ?")
NAMES = ("DESC", "HUM")


def as_bytes(*lines: str) -> np.ndarray:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def test_questions_are_split_at_blanks_and_lose_the_final_mark_alone() -> None:
    found = questions_of(as_bytes(*TEXT), np.array([1, 0, 0], np.uint8), NAMES)
    assert found.words == (("Who", "was", "Galileo"), ("What", "is", "an", "atom"), ("What",))
    assert words_of("Is ? a letter ?") == ("Is", "?", "a", "letter")
    assert words_of("?") == ("?",)


@pytest.mark.parametrize(
    ("lines", "labels", "cause"),
    [
        (("Who ?", ""), [0, 1], "no word"),
        (("Who ?",), [0, 1], "do not fit"),
        (("Who ?", "What ?"), [0, 2], "out of range"),
    ],
)
def test_damaged_questions_are_refused(lines: tuple[str, ...], labels: list[int], cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        questions_of(as_bytes(*lines), np.array(labels), NAMES)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        questions_of(np.array([0xFF, 0xFE], np.uint8), np.array([0]), NAMES)


def test_without_the_recording_the_user_is_told_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("", str(tmp_path)):
        monkeypatch.setenv("NT_DATA_DIR", folder)
        with pytest.raises(EnvironmentMissingError) as caught:
            load_questions()
        assert "cogcomp" in caught.value.next_step


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("NT_DATA_DIR"), reason="set NT_DATA_DIR to the folder of the recordings")
def test_the_official_split_is_there() -> None:
    train, test = load_questions()
    assert (len(train), len(test), len(train.class_names)) == (5452, 500, 6)
    assert test.words[2] == ("Who", "was", "Galileo")


def test_rare_and_unseen_words_become_stand_ins() -> None:
    vocabulary = Vocabulary.of((("the", "town"), ("The", "year")), min_uses=2, max_words=4)
    assert dict(vocabulary.index) == {"the": FIRST_WORD}
    rows = vocabulary.rows((("The", "1960s", "Rome", "year", "cut"), ("the",)))
    np.testing.assert_array_equal(rows.words[0], [FIRST_WORD, NUMBER, CAPITALISED, OTHER])
    np.testing.assert_array_equal(rows.shapes[0], [CAPITALISED, NUMBER, CAPITALISED, OTHER])
    np.testing.assert_array_equal(rows.lengths, [4, 1])


def test_backwards_begins_with_the_last_word_that_is_read() -> None:
    questions = made_up_questions(20, 0)
    there = Vocabulary.of(questions.words, 1, 4).rows(questions.words)
    back = Vocabulary.of(questions.words, 1, 4, backwards=True).rows(questions.words)
    for row, length in enumerate(there.lengths):
        np.testing.assert_array_equal(there.words[row, :length], back.words[row, :length][::-1])


def test_take_keeps_words_with_their_labels() -> None:
    questions = made_up_questions(9, 1)
    some = questions.take(np.array([7, 2]))
    assert isinstance(some, Questions)
    assert some.words == (questions.words[7], questions.words[2])
    np.testing.assert_array_equal(some.labels, questions.labels[[7, 2]])
