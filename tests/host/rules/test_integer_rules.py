"""Rules in whole numbers give the same codes anywhere: no order of summation, no library decides."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.rules import Observation, Rule, entries, exact, make_rule
from nt_host.rules.descent_settings import DescentSettings, PacedSettings
from nt_host.rules.integer_estimate import BATCH_LIMIT, IntegerLayer, carried_down, errors_down, slope_of_one
from nt_host.rules.normalised_descent import NormalisedDescent, log_rate_q24
from nt_host.rules.plain_error import PlainErrorKind, PlainErrorRule, PlainErrorSettings
from nt_model.errors import UsageError
from nt_model.image import Image, Layer
from nt_model.weights import PackedWeights
from tests.host.rules.toy import KINDS, SEEDS, observe_for, random_image, some_codes, some_samples

INTEGER_RULES = tuple(entry.name for entry in entries())
"""All that a chip can be adapted by."""
every_integer_rule = pytest.mark.parametrize("name", INTEGER_RULES)
ON_SWITCHES = ("discriminant",)
"""Rules that refuse an image without switches."""
GOLDEN = {
    ("ballot", "switches"): "91981ddb8f0b5428",
    ("ballot", "plain"): "82589ae17c1c2467",
    ("additive", "counting"): "c5565e9d200b1440",
    ("additive", "split"): "6448e0e5b334b9db",
    ("dfa", "plain"): "3266f5c55a7bdf96",
    ("discriminant", "switches"): "043b684f1f3deaea",
    ("dmn", "plain"): "3d05f61c2c3cee32",
    ("nt1", "counting"): "b625aded40925448",
    ("nt1", "plain"): "6b7f384aa46ef003",
    ("nt2", "counting"): "38a73dcc45a2437a",
    ("nt2", "split"): "02930d85ed86fee7",
    ("perturb", "counting"): "08614668b75a79b7",
    ("perturb", "plain"): "0846d4be37553039",
    ("scores", "counting"): "dea082bbec489736",
    ("scores", "plain"): "bc72513db31e5a1e",
    ("surrogate", "counting"): "af8b3f79e3b35dc5",
    ("surrogate", "split"): "7521cc917cb3b374",
}


def golden_image(kind: str) -> Image:
    if kind == "switches":
        return switched_image(random_image(5, (12, 40, 3), "own"), SwitchSpec(per_class=32))
    if kind == "split":
        return random_image(7, (12, 10, 6), "split")
    return random_image(6, (12, 10, 8, 6), "mixed", 8 if kind == "counting" else 1)


def learned(name: str, image: Image, updates: int, batch: int = 9) -> tuple[Rule, NDArray[np.uint8]]:
    """Rule and codes after ``updates`` in a closed loop."""
    codes = some_codes(image, 1)
    rule = make_rule(name, image, codes, {"steps": 10})
    for step in range(updates):
        codes = rule.update(observe_for(rule, image, codes, *some_samples(image, step, batch)))
    return rule, codes


@pytest.mark.parametrize(("name", "kind"), GOLDEN, ids=lambda each: each)
def test_golden_vector(name: str, kind: str) -> None:
    """State and codes after twelve updates, as they must come out on any machine."""
    rule, codes = learned(name, golden_image(kind), 12)
    told = hashlib.sha256(codes.tobytes())
    for key, array in sorted(rule.state().items()):
        told.update(key.encode() + array.astype(array.dtype.newbyteorder("<")).tobytes())
    assert told.hexdigest()[:16] == GOLDEN[name, kind]


@every_integer_rule
def test_nothing_in_the_state_is_a_float(name: str) -> None:
    rule, _ = learned(name, golden_image("switches" if name in ON_SWITCHES else "counting"), 2)
    assert {array.dtype.kind for array in rule.state().values()} <= {"i", "u"}


def plain_integers(self: exact.ExactProduct, values: NDArray[np.integer]) -> NDArray[np.int64]:
    matrix: Any = self._matrix
    return values.astype(np.int64) @ matrix.astype(np.int64)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in INTEGER_RULES
        for kind in ("switches", "plain", "counting", "split")
        if kind == "switches" or name not in ON_SWITCHES
    ],
)
def test_the_floating_point_kernel_changes_no_bit(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = golden_image(kind)
    expected, codes = learned(name, image, 6)
    monkeypatch.setattr(exact.ExactProduct, "__call__", plain_integers)
    found, again = learned(name, image, 6)
    np.testing.assert_array_equal(again, codes)
    for key, array in expected.state().items():
        np.testing.assert_array_equal(found.state()[key], array)


def in_order(seen: Observation, order: NDArray[np.int64]) -> Observation:
    spikes = {name: tuple(each[order] for each in getattr(seen, name)) for name in ("plain", "plus", "minus", "probed")}
    return replace(seen, labels=seen.labels[order], inputs=seen.inputs[order], **spikes)


@every_integer_rule
@settings(max_examples=25, deadline=None)
@given(image=st.builds(random_image, SEEDS, st.just((9, 8, 6)), st.sampled_from(KINDS), st.integers(1, 4)), seed=SEEDS)
def test_the_order_of_samples_does_not_matter(name: str, image: Image, seed: int) -> None:
    image = golden_image("switches") if name in ON_SWITCHES else image
    codes = some_codes(image, seed)
    first, second = make_rule(name, image, codes), make_rule(name, image, codes)
    seen = observe_for(first, image, codes, *some_samples(image, seed, batch=40))
    turned = in_order(seen, np.random.default_rng(seed).permutation(40))
    np.testing.assert_array_equal(first.update(seen), second.update(turned))
    for key, array in first.state().items():
        np.testing.assert_array_equal(second.state()[key], array)


def extreme_layer(theta_q8: int, split: bool, inputs: int) -> Layer:
    """32 neurons, largest weights and, with several inputs, biases; of either sign where parts are split."""
    sign = np.where(np.arange(32) % 2 == 0, 1, -1)
    second = np.arange(32) + 32 * split
    return Layer(
        packed=PackedWeights.of((7 * sign[:, None] * np.ones((32, inputs))).astype(np.int8)),
        bias=(32767 * sign * (inputs > 1)).astype(np.int16),
        threshold_q8=np.full(32, theta_q8, np.int32),
        domain=np.stack([np.arange(32), second], axis=1).astype(np.uint16),
    )


@pytest.mark.parametrize("theta_q8", [1, 256, 2**31 - 1])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("steps", [1, 255])
@pytest.mark.parametrize(("inputs", "event"), [(64, 255), (1, 255), (1, 1)])
def test_no_width_is_exceeded_at_the_extremes(theta_q8: int, split: bool, steps: int, inputs: int, event: int) -> None:
    """Largest weights, biases, gains and errors, one input or many: 64 bits give what unbounded integers give."""
    layer = IntegerLayer.of(extreme_layer(theta_q8, split, inputs), steps, event)
    gain = np.full(64, 65535, np.int64)
    events = np.full((2, inputs), event, np.uint8)
    error = np.full((2, 32), (1 << 30) - 1, np.int64)
    carried = 0
    for part, driven in zip(layer.parts, layer.drive(events, gain), strict=True):
        bits = min(54 - part.worst.bit_length(), 46)
        scale = (65535 << bits) // (max(theta_q8, 256) * steps)
        whole = [int(total) * event + int(bias) for total, bias in zip(part.weight.sum(axis=1), part.bias, strict=True)]
        expected = [min(max(each * scale >> bits - 8, 1 - 2**20), 2**20 - 1) for each in whole]
        assert driven[0].tolist() == expected
        handed = min(int(error[0, 0]) * ((65535 << 24) // max(theta_q8, 256)) >> 16, part.widest)
        carried += handed * int(part.weight[:, 0].sum())
    expected_below = min(max((carried + (1 << 11)) >> 12, 1 - 2**30), 2**30 - 1)
    assert set(layer.back(error, gain).reshape(-1).tolist()) == {expected_below}


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("multiplies", [False, True])
@pytest.mark.parametrize("wrong", [(1 << 30) - 1, 1 << 10, 1])
def test_the_plain_gradient_is_what_unbounded_integers_give(split: bool, multiplies: bool, wrong: int) -> None:
    """Errors up to the largest, with the largest drives, in the largest batch."""
    image = random_image(0, (64, 32), "split" if split else "own")
    kind = PlainErrorKind("any", gated=False, multiplies=multiplies)
    rule = PlainErrorRule(kind, image, some_codes(image, 0), PlainErrorSettings())
    batch, largest = BATCH_LIMIT - 1, (1 << 20) - 1
    factors = [[largest, -largest] * 16, [-largest, largest] * 16] if multiplies else [[4096] * 32, [-4096] * 32]
    error = np.full((batch, 32), wrong)
    driven = tuple(np.broadcast_to(factor, (batch, 32)) for factor in factors[: 1 + split])
    found = rule._gradients(rule._layers[0], driven, error)
    limit = (1 << 29) - 1
    for part, factor in zip(found, factors, strict=False):
        means = [(2 * batch * wrong * each + (batch << 7)) // (batch << 8) for each in factor]
        assert part.tolist() == [min(max(mean, -limit), limit) for mean in means]


@pytest.mark.parametrize("name", ["nt1", "scores", "surrogate", "ballot"])
def test_a_batch_whose_sums_might_not_fit_is_refused(name: str) -> None:
    image = random_image(0, (2, 2), "own")
    codes = some_codes(image, 0)
    rule = make_rule(name, image, codes)
    seen = observe_for(rule, image, codes, *some_samples(image, 0, batch=BATCH_LIMIT))
    with pytest.raises(UsageError, match="batch"):
        rule.update(seen)


@given(SEEDS)
def test_what_is_carried_down_is_the_errors_of_all_layers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = random_image(seed, (5, 4, 3), "mixed")
    layers = tuple(IntegerLayer.of(layer, 1, 255) for layer in image.layers)
    gain = rng.integers(0, 8192, image.n_codes)
    drives = tuple(
        tuple(rng.integers(-(1 << 13), 1 << 13, (2, layer.theta_q8.size)) for _ in layer.parts) for layer in layers
    )
    error = rng.integers(-(1 << 15), 1 << 15, (2, 3))
    total = np.zeros(image.n_codes, np.int64)
    for layer, driven, wrong in errors_down(layers, drives, error, gain, slope_of_one):
        for part, ratio in zip(layer.parts, driven, strict=True):
            for neuron, code in enumerate(part.code):
                total[code] += int((wrong[:, neuron] * ratio[:, neuron]).sum())
    np.testing.assert_array_equal(carried_down(layers, drives, error, gain, slope_of_one), total)


@given(st.integers(1, 2000), st.floats(1e-4, 1), st.integers(1, 3000))
def test_shares_fall_by_equal_factors_and_along_the_cubic(steps: int, end_share: float, count: int) -> None:
    done = min((count - 1) / max(1, steps - 1), 1)
    found = PacedSettings(steps=steps, end_share=end_share).share_q15(count)
    # Rounded down to 1/256 of an octave, 0.27 %, and to 2^-15.
    assert found / 2**15 == pytest.approx(end_share**done, rel=3e-3, abs=2.0**-15)
    along = min(count / steps, 1)
    found = DescentSettings(steps=steps, end_share=end_share).share_q15(count)
    assert found / 2**15 == pytest.approx(max(end_share, 1 - 3 * along**2 + 2 * along**3), abs=2.0**-15)


def test_the_largest_gradients_stay_within_their_widths() -> None:
    settings = DescentSettings(steps=50, momentum=0.9999, memory=0.0, rate=1e9)
    limit = np.array([1 << 31])
    descent = NormalisedDescent(np.zeros(2, np.int64), np.full(2, log_rate_q24(settings.rate)), settings)
    largest = np.array([1, -1]) * ((1 << 26) - 1)
    for _ in range(60):
        position = descent.move(largest, -limit // 2, limit // 2)
        assert position[0] < 0 < position[1]
    state = descent.state()
    assert np.abs(state["mean_q37"]).max() < 1 << 42
    assert state["square_q42"].max() < 1 << 52


def test_the_descent_is_adam_but_for_its_schedule() -> None:
    """Against the float equations, on gradients of a thousandth to ten."""
    rng = np.random.default_rng(0)
    settings = DescentSettings(steps=10**6, rate=0.01)
    decays = 1 - 102 / 1024, 1 - 10 / 1024
    size = 10.0 ** rng.uniform(-3, 1, 30)
    descent = NormalisedDescent(np.zeros(30, np.int64), np.full(30, 1 << 18), settings)
    expected, mean, square = np.zeros(30), np.zeros(30), np.zeros(30)
    far = np.full(30, 1 << 30)
    for step in range(1, 200):
        gradient = np.rint((rng.normal(size=30) + 0.3) * size * 2**21)
        found = descent.move(gradient.astype(np.int64), -far, far)
        mean = decays[0] * mean + (1 - decays[0]) * gradient
        square = decays[1] * square + (1 - decays[1]) * gradient**2
        ratio = mean / (1 - decays[0] ** step) / np.sqrt(square / (1 - decays[1] ** step))
        expected -= 2.0**-6 * ratio
    np.testing.assert_allclose(found / 2**24, expected, rtol=2e-3, atol=2e-3)


def test_what_no_gradient_feeds_comes_to_rest() -> None:
    """But for the last place of the ratio, which rounds down: 2^-15 of the rate per update."""
    rate = 1 << 20
    descent = NormalisedDescent(np.zeros(2, np.int64), np.full(2, rate), DescentSettings())
    far = np.full(2, 1 << 30)
    for _ in range(5):
        descent.move(np.array([100_000, -100_000]), -far, far)
    positions = [descent.move(np.zeros(2, np.int64), -far, far) for _ in range(4000)]
    assert np.abs(positions[-1] - positions[-1000]).max() <= 1000 * (rate >> 15)
    assert np.abs(positions[-1]).max() > 10 * 1000 * (rate >> 15)
