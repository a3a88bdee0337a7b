"""Rule `surrogate` descends its own loss: its gradient is held against finite differences, its steps against Adam."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.rules import Observation, Rule, make_rule
from nt_model.image import Image
from tests.host.rules.toy import KINDS, SEEDS, observe, random_image, some_codes, some_samples

MOMENTUM = 0.9
KEPT_BACK = 102 / 1024
"""1 - ``MOMENTUM``, as the rules have it."""
SLOPE = 4.0
NUDGE = 1e-5


def output_drive(image: Image, events: NDArray[np.floating], gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Output drives over threshold (B, N), for ``events`` (B, M) per time step at ``gain`` (n_codes,) of each code."""
    layer = image.layers[-1]
    weight, bias = layer.weight.astype(np.float64), layer.bias.astype(np.float64)
    excitatory = events @ np.maximum(weight, 0).T + np.maximum(bias, 0)
    inhibitory = events @ np.minimum(weight, 0).T + np.minimum(bias, 0)
    current = excitatory * gain[layer.domain[:, 0]] + inhibitory * gain[layer.domain[:, 1]]
    return current / (layer.threshold_q8 / 256)


def loss(image: Image, seen: Observation, log_gain: NDArray[np.float64], slope: float) -> float:
    """The rule's loss: logistic per output neuron, targets weighted by sqrt(C - 1), mean over the batch."""
    below = seen.inputs if len(seen.plain) == 1 else seen.plain[-2] / image.n_steps
    above = slope * (output_drive(image, below.astype(np.float64), np.exp(log_gain)) - 1)
    target = image.readout_class[None, :] == seen.labels[:, None]
    silent = np.logaddexp(0, -above) * math.sqrt(max(1, image.n_classes - 1))
    return float(np.where(target, silent, np.logaddexp(0, above)).sum(axis=1).mean())


def gradient_of(rule: Rule) -> NDArray[np.float64]:
    """Gradient of the first update of a descent with ``MOMENTUM``, (n_codes,), as it is left in the running mean."""
    gradient: NDArray[np.float64] = rule.state()["mean_q37"] / 2.0**37 / KEPT_BACK
    return gradient


def rule_gradient(image: Image, seen: Observation, values: dict[str, float]) -> NDArray[np.float64]:
    """Gradient by the log gains, (n_codes,), as one update leaves it in the running mean."""
    rule = make_rule("surrogate", image, seen.codes, {**values, "momentum": MOMENTUM})
    rule.update(seen)
    # The rule leaves out the slope, which all gradients have in common.
    return values.get("slope", SLOPE) * gradient_of(rule)


def output_codes(image: Image) -> NDArray[np.int64]:
    """Codes that feed the output layer and no other; the derivative of the layers below is a surrogate."""
    used = np.unique(image.layers[-1].domain)
    below = [layer.domain.ravel() for layer in image.layers[:-1]]
    return np.setdiff1d(used, np.concatenate(below)).astype(np.int64) if below else used.astype(np.int64)


def measured_gradient(image: Image, seen: Observation, codes: NDArray[np.int64], slope: float) -> NDArray[np.float64]:
    """Central differences of the loss by the log gain of each of ``codes``."""
    log_gain = np.log(image.gain[seen.codes] / 4096.0)
    found = []
    for code in codes:
        nudge = np.zeros_like(log_gain)
        nudge[code] = NUDGE
        found.append(loss(image, seen, log_gain + nudge, slope) - loss(image, seen, log_gain - nudge, slope))
    return np.array(found) / (2 * NUDGE)


def moderate(image: Image) -> Image:
    """``image`` with thresholds high enough to keep drives where the loss is curved, not saturated."""
    layers = [replace(layer, threshold_q8=layer.threshold_q8 + 60 * 256 * layer.n_inputs) for layer in image.layers]
    return replace(image, layers=tuple(layers))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS,
    sizes=st.lists(st.integers(1, 8), min_size=2, max_size=3).map(tuple),
    steps=st.integers(1, 3),
    slope=st.floats(0.5, 6),
)
def test_the_gradient_of_output_codes_is_that_of_the_loss(
    kind: str, seed: int, sizes: tuple[int, ...], steps: int, slope: float
) -> None:
    image = moderate(random_image(seed, sizes, kind, steps))
    codes = some_codes(image, seed)
    seen = observe(image, codes, *some_samples(image, seed), None)
    chosen = output_codes(image)
    expected = measured_gradient(image, seen, chosen, slope)
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    # The exponent is whole in 1/256 of an octave: half of that moves the sigmoid by 3.4e-4 at the most.
    weighed = slope * math.sqrt(image.n_classes) * 4e-4
    np.testing.assert_allclose(
        rule_gradient(image, seen, {"slope": slope})[chosen], expected, atol=(2e-4 + weighed) * scale
    )


def test_the_loss_tells_right_labels_from_wrong_ones() -> None:
    """Control of the test above: the differences are not all too small to be told apart."""
    image = moderate(random_image(5, (6, 6), "own"))
    events, labels = some_samples(image, 5)
    right = observe(image, some_codes(image, 5), events, labels, None)
    wrong = replace(right, labels=(labels + 1) % image.n_classes)
    chosen = output_codes(image)
    found = rule_gradient(image, right, {"slope": 4.0})[chosen]
    assert np.abs(found - measured_gradient(image, wrong, chosen, 4.0)).max() > 0.1


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, kind=st.sampled_from(KINDS), seen_twice=st.integers(2, 4))
def test_the_size_of_the_batch_does_not_scale_the_gradient(seed: int, kind: str, seen_twice: int) -> None:
    image = random_image(seed, (5, 6, 4), kind)
    events, labels = some_samples(image, seed)
    codes = some_codes(image, seed)
    once = observe(image, codes, events, labels, None)
    more = observe(image, codes, np.tile(events, (seen_twice, 1)), np.tile(labels, seen_twice), None)
    expected = rule_gradient(image, once, {})
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(rule_gradient(image, more, {}), expected, atol=1e-5 * scale)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, kind=st.sampled_from(KINDS))
def test_the_first_step_goes_downhill_by_the_rate(seed: int, kind: str) -> None:
    image = moderate(random_image(seed, (6, 5), kind))
    codes = np.full(image.n_codes, 128, np.uint8)
    seen = observe(image, codes, *some_samples(image, seed), None)
    rule = make_rule("surrogate", image, codes, {"rate": 0.001, "steps": 10**6})
    before = rule.state()["position_q24"]
    rule.update(seen)
    after = rule.state()["position_q24"]
    gradient = measured_gradient(image, seen, np.arange(image.n_codes), 4.0)
    # Adam's first step has one size for all codes whose gradient is not negligible.
    clear = np.abs(gradient) > 1e-2
    step = 0.001 * math.log2(math.e) * 2**24
    np.testing.assert_allclose((after - before)[clear], -step * np.sign(gradient[clear]), rtol=1e-3)
