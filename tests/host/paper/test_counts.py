"""Parameter counts of the paper's tables 3, 5 and 8 follow from the layer sizes, and from nothing else."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_host.paper.counts import (
    PAPER_CLASSES,
    VGG19_CLASSIFIER,
    feeding_gains,
    full_parameters,
    head_parameters,
    hidden_gains,
    paper_feed_forward,
    paper_fewer,
    paper_spiking,
    spiking_gains,
)
from nt_model.errors import UsageError


def test_the_papers_counts() -> None:
    assert [paper_feed_forward(task) for task in PAPER_CLASSES] == [43_290, 44_291, 37_284]
    assert [paper_fewer(task) for task in PAPER_CLASSES] == [18_202, 19_203, 12_196]
    assert [paper_spiking(task) for task in PAPER_CLASSES] == [9_192, 20_203, 13_196]
    assert full_parameters(VGG19_CLASSIFIER) == 123_642_856


@pytest.mark.parametrize("gains", [33_280, 8_192, 9_192])
def test_one_choice_of_layers_alone_gives_each_sum_of_gains(gains: int) -> None:
    """Up to the two hidden layers' equal size, no other subset of the four layers has that many neurons."""
    found = {
        tuple(sorted(chosen))
        for size in range(1, 5)
        for chosen in combinations(VGG19_CLASSIFIER, size)
        if sum(chosen) == gains
    }
    assert len(found) == 1


@given(st.lists(st.integers(1, 500), min_size=2, max_size=5))
def test_counts_of_any_stack(sizes: list[int]) -> None:
    assert feeding_gains(sizes) - sizes[0] == hidden_gains(sizes) == spiking_gains(sizes) - sizes[-1]
    assert full_parameters(sizes) >= spiking_gains(sizes) + head_parameters(1, 1) - 2
    assert full_parameters(sizes[:2]) == (sizes[0] + 1) * sizes[1]


def test_sizes_that_are_no_stack_are_refused() -> None:
    with pytest.raises(UsageError):
        full_parameters([5])
    with pytest.raises(UsageError):
        feeding_gains([5, 0])
