"""Rule `scores`: its error is that of class scores, and its gradient that of the scores' estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.rules import Observation, make_rule
from nt_host.rules.scores import SATURATED_Q12, score_error_q15
from nt_model.image import Image
from tests.host.rules.test_surrogate import MOMENTUM, gradient_of, moderate, output_codes, output_drive
from tests.host.rules.toy import KINDS, SEEDS, observe, random_image, scrambled_problem, some_codes, some_samples

LEAD = 0.5
NUDGE = 1e-5
SATURATED = SATURATED_Q12 / 4096


def score_error(scores: NDArray[np.floating], labels: NDArray[np.int64], lead: float) -> NDArray[np.float64]:
    """The rule's error, Q15, of scores that it takes in Q12, as numbers."""
    whole = np.rint(np.asarray(scores, np.float64) * 4096).astype(np.int64)
    return score_error_q15(whole, labels, round(lead * 2**15)) / 2**15


def some_scores(seed: int, batch: int = 6, classes: int = 4) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return rng.random((batch, classes), np.float32), rng.integers(0, classes, batch)


@given(SEEDS, st.floats(0.1, 50))
def test_what_all_classes_share_and_the_scale_of_spikes_are_no_error(seed: int, scale: float) -> None:
    scores, labels = some_scores(seed)
    error = score_error(scores, labels, LEAD)
    np.testing.assert_allclose(error.sum(axis=1), 0, atol=4 * 2.0**-15)
    # Scores are whole numbers of 1/4096 spike: few of them where the scale is small.
    np.testing.assert_allclose(score_error(scores * np.float32(scale), labels, LEAD), error, atol=1e-3 + 2e-3 / scale)
    of_samples = np.linspace(-0.1, 0.1, len(labels), dtype=np.float32)[:, None]
    np.testing.assert_allclose(score_error(scores + of_samples, labels, LEAD), error, atol=1e-3)


def test_silence_leaves_the_wanted_lead_as_the_error() -> None:
    error = score_error(np.zeros((1, 4), np.float32), np.array([2]), LEAD)
    np.testing.assert_allclose(error, [[LEAD / 4, LEAD / 4, -LEAD * 3 / 4, LEAD / 4]], atol=2.0**-15)


@given(SEEDS, st.floats(0.05, 2))
def test_a_lead_of_the_right_size_is_no_error(seed: int, lead: float) -> None:
    labels = some_scores(seed)[1]
    scores = np.ones((len(labels), 4), np.float32) + np.float32(lead) * (
        (labels[:, None] == np.arange(4)) - np.float32(0.25)
    )
    np.testing.assert_allclose(score_error(scores, labels, lead), 0, atol=1e-3)
    assert np.abs(score_error(scores, (labels + 1) % 4, lead)).max() > 0.5 * lead


def estimated_error(image: Image, seen: Observation, log_gain: NDArray[np.float64]) -> float:
    """Mean over the batch of e times the summed drive of its class; neurons that cannot follow stay as they are."""
    below = seen.inputs if len(seen.plain) == 1 else seen.plain[-2] / image.n_steps
    one_hot = (image.readout_class[:, None] == np.arange(image.n_classes)).astype(np.float64)
    share = one_hot / np.maximum(one_hot.sum(axis=0), 1)
    error = score_error((seen.plain[-1] @ share).astype(np.float32), seen.labels, LEAD)
    start = output_drive(image, below.astype(np.float64), image.gain[seen.codes] / 4096.0)
    moving = (start > 0) & ((start < SATURATED) | (error @ one_hot.T > 0))
    ratio = output_drive(image, below.astype(np.float64), np.exp(log_gain))
    return float((error * ((ratio * moving) @ one_hot)).sum() / len(seen.labels))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, sizes=st.lists(st.integers(1, 8), min_size=2, max_size=3).map(tuple), steps=st.integers(1, 4))
def test_the_gradient_is_the_error_carried_to_the_gains(
    kind: str, seed: int, sizes: tuple[int, ...], steps: int
) -> None:
    image = moderate(random_image(seed, sizes, kind, steps))
    codes = some_codes(image, seed)
    seen = observe(image, codes, *some_samples(image, seed), None)
    rule = make_rule("scores", image, codes, {"lead": LEAD, "momentum": MOMENTUM})
    rule.update(seen)
    gradient = gradient_of(rule)
    log_gain = np.log(image.gain[codes] / 4096.0)
    for code in output_codes(image):
        nudge = np.zeros_like(log_gain)
        nudge[code] = NUDGE
        up, down = (estimated_error(image, seen, log_gain + sign * nudge) for sign in (1, -1))
        assert gradient[code] == pytest.approx((up - down) / (2 * NUDGE), abs=2e-3, rel=1e-3)


@pytest.mark.parametrize("steps", [1, 8])
def test_hidden_codes_move_too(steps: int) -> None:
    problem, codes = scrambled_problem()
    image = replace(problem.image, n_steps=steps)
    seen = observe(image, codes, problem.events, 1 - problem.labels, None)
    moved = make_rule("scores", image, codes, {"rate": 0.2}).update(seen) != codes
    hidden = image.layers[0].n_neurons
    assert moved[:hidden].any()
    assert moved[hidden:].any()
