"""`tft`: at the start it is the image itself, and its weights learn what is asked of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.rules.tft import FullTuning, FullTuningSettings
from nt_model.errors import UsageError
from tests.host.rules.toy import SEEDS, Problem, observe, random_image, scrambled_problem, some_samples
from tests.model.strategies import make_image
from tests.model.strategies import sizes as layer_sizes


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, sizes=layer_sizes, four_bits=st.booleans())
def test_untrained_it_spikes_like_the_image_at_nominal_gains(
    seed: int, sizes: tuple[int, ...], four_bits: bool
) -> None:
    image = random_image(seed, sizes, "own")
    # Half an LSB aside, so that no current, a whole number, meets a threshold exactly: floats may round either way.
    layers = [replace(layer, threshold_q8=(layer.threshold_q8 | 255) - 127) for layer in image.layers]
    image = replace(image, layers=tuple(layers))
    events, labels = some_samples(image, seed)
    expected = observe(image, np.full(image.n_codes, 128, np.uint8), events, labels, None).plain[-1]
    tuning = FullTuning(image, FullTuningSettings(four_bits=four_bits))
    np.testing.assert_array_equal(tuning.spikes(events), expected)


def random_problem(seed: int) -> Problem:
    """The easy problem in front of a network that knows nothing of it."""
    problem, _ = scrambled_problem()
    return replace(problem, image=make_image(seed, (20, 40, 6), classes=2))


def wrong_share(tuning: FullTuning, problem: Problem) -> float:
    wanted = problem.image.readout_class[None, :] == problem.labels[:, None]
    return float(np.mean((tuning.spikes(problem.events) > 0) != wanted))


@pytest.mark.parametrize("four_bits", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_weights_learn_what_a_random_network_does_not_know(seed: int, four_bits: bool) -> None:
    problem = random_problem(seed)
    tuning = FullTuning(problem.image, FullTuningSettings(steps=100, rate_lsb=0.1, four_bits=four_bits))
    before = wrong_share(tuning, problem)
    tuning.fit(problem.events, problem.labels)
    assert before > 0.4
    assert wrong_share(tuning, problem) < 0.05


def test_the_seed_decides_the_batches() -> None:
    problem = random_problem(0)
    found = []
    for seed in (0, 0, 1):
        # Few samples a step and few steps, so that other batches must lead to other spikes.
        tuning = FullTuning(problem.image, FullTuningSettings(steps=10, batch_size=2, rate_lsb=0.1, seed=seed))
        tuning.fit(problem.events, problem.labels)
        found.append(tuning.spikes(problem.events))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_it_refuses_what_it_cannot_tune() -> None:
    with pytest.raises(UsageError, match="one time step"):
        FullTuning(random_image(0, (3, 2), "own", steps=2))
    with pytest.raises(UsageError, match="rate_lsb"):
        FullTuningSettings(rate_lsb=0.0)
