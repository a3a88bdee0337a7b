"""Rule `perturb`: a black box is learned from its outputs alone; rule `dfa`: how errors come down without ROM reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.connect import ChipOptions, connected
from nt_host.rules import ProbingRule, make_rule
from nt_host.rules.feedback import FeedbackSettings, feedback_matrices, ternary
from nt_host.rules.perturb import class_loss_q30
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.image_file import image_bytes, parse_image
from tests.host.rules.toy import (
    SEEDS,
    images,
    observe,
    observe_for,
    random_image,
    scrambled_problem,
    some_codes,
    some_samples,
)

STEPS = {"steps": 400, "rate_code": 2.0}


def counting(image: Image) -> Image:
    """`image` with event counts as its inputs."""
    return replace(image, encoder=replace(image.encoder, kind="binary"))


def learned_error(seed: int, *, flip: bool) -> tuple[float, float]:
    """Error of the outputs before and after 400 steps of `perturb`, taught with right or with flipped labels."""
    problem, codes = scrambled_problem(seed)
    rule = make_rule("perturb", problem.image, codes, STEPS)
    teacher = 1 - problem.labels if flip else None
    return problem.error(codes), problem.error(problem.learn(rule, codes, 400, teacher))


@pytest.mark.parametrize("seed", [0, 1])
def test_outputs_alone_are_enough_to_learn(seed: int) -> None:
    before, after = learned_error(seed, flip=False)
    assert after < 0.5 * before


def test_flipped_labels_do_not_help() -> None:
    """Control of the test above."""
    before, after = learned_error(0, flip=True)
    assert after > before


@settings(max_examples=40, deadline=None)
@given(image=images, seed=SEEDS, limits=st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted))
def test_probes_keep_to_the_limits_and_repeat(image: Image, seed: int, limits: list[int]) -> None:
    codes = some_codes(image, seed)
    rule = make_rule("perturb", image, codes, {"code_min": limits[0], "code_max": limits[1]})
    assert isinstance(rule, ProbingRule)
    for probe, again in zip(rule.probes(), rule.probes(), strict=True):
        assert limits[0] <= probe.min() <= probe.max() <= limits[1]
        np.testing.assert_array_equal(probe, again)


def test_it_refuses_a_batch_at_its_present_codes() -> None:
    problem, codes = scrambled_problem()
    rule = make_rule("perturb", problem.image, codes)
    with pytest.raises(UsageError, match="probes"):
        rule.update(observe(problem.image, codes, problem.events, problem.labels, None))


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, steps=st.integers(1, 5))
def test_it_is_adam_on_the_slope_of_the_squared_error(seed: int, steps: int) -> None:
    """The equations at the head of the module and of `normalised_descent` in float, over six updates."""
    image = random_image(seed, (4, 6, 6), "own", steps)
    codes = np.full(image.n_codes, 128, np.uint8)
    rule = make_rule("perturb", image, codes, {"steps": 6, "rate_code": 1.0})
    size = np.bincount(image.readout_class, minlength=image.n_classes)
    decays = 1 - 102 / 1024, 1 - 10 / 1024
    mean, square, expected = np.zeros(image.n_codes), 0.0, codes.astype(np.float64)
    for step in range(6):
        assert isinstance(rule, ProbingRule)
        signs = np.sign(rule.probes()[0].astype(int) - 128 - np.rint(expected - 128))
        seen = observe_for(rule, image, codes, *some_samples(image, seed + step))
        losses = []
        for counts in seen.probed:
            spikes = np.stack([np.bincount(image.readout_class, row, image.n_classes) for row in counts])
            error = spikes / (size * steps) - (seen.labels[:, None] == np.arange(image.n_classes))
            losses.append(float(np.mean((error**2).sum(axis=1))))
        slope = (losses[0] - losses[1]) / 2
        mean = decays[0] * mean + (1 - decays[0]) * slope * signs
        square = decays[1] * square + (1 - decays[1]) * slope**2
        root = np.sqrt(square / (1 - decays[1] ** (step + 1)))
        # What is left of a slope by rounding alone is no slope.
        assume(root > 1e-3)
        expected -= 0.05 ** (step / 5) * mean / (1 - decays[0] ** (step + 1)) / root
        codes = rule.update(seen)
        np.testing.assert_allclose(rule.state()["position_q24"] / 2.0**24 + 128, expected, atol=0.02)


def test_loss_is_zero_for_the_right_class_alone_and_two_for_a_wrong_one() -> None:
    image = random_image(0, (3, 6), "own")
    image = replace(image, readout_class=np.array([0, 0, 0, 1, 1, 1], np.uint16), n_steps=1)
    right = np.array([[1, 1, 1, 0, 0, 0]], np.uint8)
    assert class_loss_q30(image, right, np.array([0])) == 0
    assert class_loss_q30(image, right, np.array([1])) == 2 << 30


def test_a_run_through_the_wire_resets_no_code_and_needs_no_hidden_spikes() -> None:
    image = counting(random_image(3, (6, 10, 4), "own"))
    events, labels = some_samples(image, 5, batch=40)
    chosen = AdaptSettings(rule="perturb", steps=12, batch_size=8, held_out=0.0)
    with connected(ChipOptions("sim:typical,seed=1"), parse_image(image_bytes(image))) as chip:
        result = adapt(chip, image, events, labels, chosen)
        np.testing.assert_array_equal(chip.read_codes()[0], result.codes, "the last probe must not stay on the chip")
        moved = np.abs(result.codes.astype(int) - 128)
    assert 0 < moved.max() < 32


def test_a_power_budget_refuses_codes_of_its_own_choice() -> None:
    image = counting(random_image(3, (6, 10, 4), "own"))
    events, labels = some_samples(image, 5, batch=40)
    chosen = AdaptSettings(rule="perturb", steps=2, held_out=0.0, power_budget_uw=1e6)
    with (
        connected(ChipOptions("sim:ideal,seed=1"), parse_image(image_bytes(image))) as chip,
        pytest.raises(UsageError, match="power budget"),
    ):
        adapt(chip, image, events, labels, chosen)


def test_feedback_has_the_signs_of_the_product() -> None:
    image = random_image(1, (5, 7, 6, 4), "own")
    low, high = feedback_matrices(image, FeedbackSettings())
    top, middle = (image.layers[index].weight.astype(float) for index in (2, 1))
    for found, product in ((high, top), (low, top @ middle)):
        assert set(np.unique(found)) <= {-1.0, 0.0, 1.0}
        sent = found != 0
        np.testing.assert_array_equal(found[sent], np.sign(product[sent]))
        assert np.abs(product[sent]).min() > np.abs(product[~sent]).max()


def test_random_feedback_knows_nothing_of_the_image() -> None:
    first, second = (random_image(seed, (5, 7, 4), "own") for seed in (1, 2))
    chosen = FeedbackSettings(feedback=0, seed=3)
    np.testing.assert_array_equal(feedback_matrices(first, chosen)[0], feedback_matrices(second, chosen)[0])
    signs = [ternary(image.layers[1].weight.astype(np.int64)) for image in (first, second)]
    assert (signs[0] != signs[1]).any()
