"""Population readout: scores, ties, both accuracies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.pretrain.trained import accuracies
from nt_host.readout import accuracy, class_scores, firing_classes, firing_share_q12, predict
from nt_model.errors import ImageError
from nt_model.image import Image
from tests.host.rules.toy import random_image

PAIRS = np.array([0, 0, 1, 1], np.uint16)
SINGLES = np.array([0, 1, 2], np.uint16)


def test_score_is_the_spikes_of_the_population() -> None:
    counts = np.array([[3, 1, 0, 2]], np.uint8)
    assert class_scores(PAIRS, counts).tolist() == [[4, 2]]


def test_a_tie_goes_to_the_lower_class_or_to_the_larger_membrane() -> None:
    counts = np.array([[1, 0, 1]], np.uint8)
    assert predict(SINGLES, counts).tolist() == [0]
    membrane = np.array([[10, 99, 20]], np.int32)
    assert predict(SINGLES, counts, membrane).tolist() == [2], "only tied classes compare their membranes"


@pytest.mark.parametrize(
    ("counts", "fires"),
    [([0, 0, 0, 0], [False, False]), ([1, 0, 0, 0], [True, False]), ([5, 0, 1, 1], [True, True])],
)
def test_a_class_fires_when_half_of_its_population_spiked(counts: list[int], fires: list[bool]) -> None:
    assert firing_classes(PAIRS, np.array([counts], np.uint8)).tolist() == [fires]


def test_strict_with_one_neuron_per_class_is_the_papers() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2, (200, 3)).astype(np.uint8)
    labels = rng.integers(0, 3, 200)
    papers = (counts == np.eye(3, dtype=np.uint8)[labels]).all(axis=1).mean()
    assert accuracy(SINGLES, counts, labels).strict == papers


def test_both_accuracies_agree_with_the_ones_of_pretraining() -> None:
    rng = np.random.default_rng(1)
    spikes = rng.integers(0, 2, (300, 4)).astype(np.uint8)
    labels = rng.integers(0, 2, 300)
    found = accuracy(PAIRS, spikes, labels)
    assert (found.argmax, found.strict) == accuracies(spikes, labels, 2, 2)


def test_margin_is_in_spikes_per_neuron_of_a_class() -> None:
    counts = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.uint8)
    assert accuracy(PAIRS, counts, np.array([0, 0])).margin == 0.0
    assert accuracy(PAIRS, counts[:1], np.array([0])).margin == 1.0


SHARES = np.array([2048, 2048], np.int64)


def with_shares(text: str | None) -> Image:
    image = random_image(0, (4, 4), "own")
    return image if text is None else replace(image, metadata={"firing_share_q12": text})


@pytest.mark.parametrize(
    ("counts", "fires"),
    [([0, 0, 0, 0], [False, False]), ([3, 0, 2, 0], [True, False]), ([3, 0, 3, 0], [True, True])],
)
def test_with_shares_a_class_fires_by_its_part_of_all_spikes(counts: list[int], fires: list[bool]) -> None:
    assert firing_classes(PAIRS, np.array([counts], np.uint8), SHARES).tolist() == [fires]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_the_level_of_counts_is_no_matter_to_shares(seed: int, factor: int) -> None:
    rng = np.random.default_rng(seed)
    counts, share = rng.integers(0, 12, (20, 6)).astype(np.uint8), rng.integers(1, 4097, 3)
    readout = np.repeat(np.arange(3), 2).astype(np.uint16)
    np.testing.assert_array_equal(
        firing_classes(readout, counts, share), firing_classes(readout, counts * np.uint8(factor), share)
    )


def test_strict_with_shares_asks_for_the_right_class_alone() -> None:
    counts = np.array([[8, 1, 0, 0], [2, 2, 2, 2], [0, 0, 8, 0]], np.uint8)
    assert accuracy(PAIRS, counts, np.array([0, 0, 0]), share_q12=SHARES).strict == pytest.approx(1 / 3)
    assert accuracy(PAIRS, counts, np.array([0, 0, 0])).strict == pytest.approx(1 / 3)
    few = np.array([[9, 0, 1, 1]], np.uint8)
    assert accuracy(PAIRS, few, np.array([0]), share_q12=SHARES).strict == 1.0
    assert accuracy(PAIRS, few, np.array([0])).strict == 0.0, "control: without shares class 1 fires as well"


def test_the_image_says_how_its_classes_fire() -> None:
    image = with_shares(None)
    assert firing_share_q12(image) is None
    shares = [1000] * image.n_classes
    np.testing.assert_array_equal(firing_share_q12(with_shares(str(shares))), shares)


@pytest.mark.parametrize("text", ["", "{}", "[1000]", "[0, 0]", "[4097, 1]", "[true, true]", "[1.5, 2]", '["a", "b"]'])
def test_shares_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ImageError, match="firing_share_q12"):
        firing_share_q12(with_shares(text))
