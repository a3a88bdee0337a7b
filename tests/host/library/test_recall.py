"""Recall: the best of the stored codes ends up on the chip, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_hil.chip import Chip
from nt_hil.open import open_chip
from nt_host.codes_file import snapshot_of, write_codes_file
from nt_host.evaluate import plain_readout
from nt_host.library.recall import PRESENT, Stored, Tried, best_of, recall
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy, predict
from nt_model.errors import SafetyError
from nt_model.image_file import LoadedImage
from tests.host.conftest import RunCli

PORT = "sim:quiet,seed=1"


@pytest.fixture
def chip(loaded: LoadedImage) -> Iterator[Chip]:
    opened = open_chip(PORT, loaded, engine="numpy")
    yield opened
    opened.close()


def vectors(chip: Chip, count: int, seed: int) -> list[Stored]:
    rng = np.random.default_rng(seed)
    low, high = chip.info.code_min, chip.info.code_max
    return [
        Stored(f"vector {number}", rng.integers(low, high + 1, chip.info.n_codes).astype(np.uint8))
        for number in range(count)
    ]


def answers(loaded: LoadedImage, codes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What a chip answers at `codes`: as labels they are right at these codes."""
    other = open_chip(PORT, loaded, engine="numpy")
    try:
        move_codes(other, codes)
        response = other.present(x, plain_readout(other.info))
        return predict(loaded.image.readout_class, response.plain[-1], response.membrane_q8)
    finally:
        other.close()


def some_events(loaded: LoadedImage, count: int = 60) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 9, (count, loaded.image.layers[0].n_inputs)).astype(np.uint8)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_the_vector_that_answers_right_is_chosen_wherever_it_stands(
    chip: Chip, loaded: LoadedImage, place: int
) -> None:
    x = some_events(loaded)
    library = vectors(chip, 5, 7)
    labels = answers(loaded, library[place].codes, x)
    assert len(np.unique(labels)) > 1, "labels that every vector gives would tell nothing"
    found = recall(chip, loaded.image, x, labels, library)
    assert found.chosen is library[place]
    np.testing.assert_array_equal(chip.read_codes()[0], library[place].codes)
    assert [each.stored.name for each in found.tried] == [PRESENT, *(each.name for each in library)]


def test_codes_on_the_chip_stay_where_nothing_is_better(chip: Chip, loaded: LoadedImage) -> None:
    before = chip.read_codes()[0].copy()
    x = some_events(loaded)
    found = recall(chip, loaded.image, x, answers(loaded, before, x), [Stored("a copy", before.copy())])
    assert found.chosen.name == PRESENT
    np.testing.assert_array_equal(chip.read_codes()[0], before)


def test_codes_come_back_where_a_candidate_cannot_be_tried(loaded: LoadedImage) -> None:
    chip = open_chip(PORT, loaded, engine="numpy")
    try:
        before = chip.read_codes()[0].copy()
        short = replace(chip.info, code_max=200)
        bad = Stored("out of range", np.full(chip.info.n_codes, 255, np.uint8))
        x = some_events(loaded, 4)
        good = Stored("good", np.minimum(vectors(chip, 1, 3)[0].codes, 200))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(chip), "info", property(lambda self: short))
            with pytest.raises(SafetyError, match="outside"):
                recall(chip, loaded.image, x, np.zeros(4, np.int64), [good, bad])
        np.testing.assert_array_equal(chip.read_codes()[0], before)
    finally:
        chip.close()


SHARES = st.integers(0, 4).map(lambda count: count / 4)


@given(seen=st.lists(st.builds(Accuracy, SHARES, SHARES, SHARES, st.just(4)), min_size=1, max_size=6))
def test_none_is_better_than_the_chosen_one_and_ties_go_to_the_earlier(seen: list[Accuracy]) -> None:
    tried = [Tried(Stored(str(place), np.zeros(1, np.uint8)), each) for place, each in enumerate(seen)]
    chosen = int(best_of(tried).name)
    rank = [(each.argmax, each.strict, each.margin) for each in seen]
    assert rank[chosen] == max(rank)
    assert rank.index(max(rank)) == chosen


CHIP = ("--port", "sim:typical,seed=7", "--task", "digits", "--labels-per-class", "10")


def test_the_command_finds_the_run_that_learned_this_camera(digits_image: Path, cli: RunCli) -> None:
    chip = (*CHIP, "--image", digits_image)
    assert cli("adapt", *chip, "--steps", "60", "--held-out", "0", "--out", "learned").returncode == 0
    done = cli("codes", "recall", "learned/codes.toml", "learned/codes_start.toml", *chip, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["chosen"] == "learned/codes.toml"
    assert [each["codes"] for each in record["tried"]] == [PRESENT, "learned/codes.toml", "learned/codes_start.toml"]
    text = cli("codes", "recall", "learned/codes.toml", *chip)
    assert "now holds: learned/codes.toml" in text.stdout
    assert "argmax" in text.stdout


def test_bad_libraries_are_refused_before_anything_is_written(
    digits_image: Path, cli: RunCli, tmp_path: Path, loaded: LoadedImage
) -> None:
    chip = (*CHIP, "--image", digits_image)
    none = cli("codes", "recall", *chip)
    assert (none.returncode, "one code file or more" in none.stderr) == (2, True)
    absent = cli("codes", "recall", "absent.toml", *chip)
    assert (absent.returncode, "absent.toml" in absent.stderr) == (2, True)
    other = open_chip(PORT, loaded, engine="numpy")
    write_codes_file(tmp_path / "other.toml", snapshot_of(other.info, other.read_codes()[0]))
    other.close()
    foreign = cli("codes", "recall", "other.toml", *chip)
    assert (foreign.returncode, "another image" in foreign.stderr) == (2, True)
    twice = cli("codes", "recall", "other.toml", "other.toml", *chip)
    assert (twice.returncode, "each named once" in twice.stderr) == (2, True)
