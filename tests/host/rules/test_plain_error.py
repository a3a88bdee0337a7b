"""Rules `nt1`, `nt2` and `additive` are their equations in float but for the last places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.rules import Observation, make_rule
from nt_model.image import Image, Layer
from tests.host.rules.toy import KINDS, SEEDS, observe, random_image, some_codes, some_samples

Float64Array = NDArray[np.float64]
KIND = {"nt1": (False, True), "nt2": (True, True), "additive": (True, False)}
"""Whether errors pass the window, and whether the gradient has the factor r."""
WINDOW, RATE, END_SHARE, STEPS = 0.67, 4.0, 0.05, 6


def reachable(image: Image) -> Image:
    """``image`` with thresholds near what the inputs of each layer bring."""

    def near(layer: Layer, events: int) -> Layer:
        theta = events * np.abs(layer.weight.astype(np.int32)).sum(axis=1) // 2 + np.abs(layer.bias.astype(np.int32))
        return replace(layer, threshold_q8=((theta + 1) * 256).astype(np.int32))

    first, *others = image.layers
    return replace(image, layers=(near(first, 15), *(near(layer, 1) for layer in others)))


class FloatRule:
    """The equations at the head of `plain_error`."""

    def __init__(self, name: str, image: Image, codes: NDArray[np.uint8]) -> None:
        self.gated, self.multiplies = KIND[name]
        self.image = image
        self.position = codes.astype(np.float64)
        self.scale = np.zeros(len(image.layers))
        self.updates = 0

    def drives(self, seen: Observation) -> list[list[Float64Array]]:
        """r (B, N) of the first and, if there is one, of the second part of every layer."""
        found = []
        gain = self.image.gain[seen.codes] / 4096.0
        below = [seen.inputs, *(counts / self.image.n_steps for counts in seen.plain[:-1])]
        for layer, events in zip(self.image.layers, below, strict=True):
            domain, theta = layer.domain.astype(int), layer.threshold_q8 / 256
            split = domain[:, 0] != domain[:, 1]
            second = np.where(split[:, None], np.minimum(layer.weight, 0), 0)
            second_bias = np.where(split, np.minimum(layer.bias, 0), 0)
            currents = [
                events @ (layer.weight - second).T + layer.bias - second_bias,
                events @ second.T + second_bias,
            ]
            parts = [current * gain[domain[:, side]] / theta for side, current in enumerate(currents)]
            found.append(parts[: 1 + split.any()])
        return found

    def gate(self, ratio: Float64Array) -> Float64Array:
        return np.maximum(0, 1 - np.abs(ratio - 1) / WINDOW) / WINDOW if self.gated else np.ones_like(ratio)

    def back(self, index: int, error: Float64Array, seen: Observation) -> Float64Array:
        layer = self.image.layers[index]
        gain = self.image.gain[seen.codes][layer.domain.astype(int)] / 4096.0
        weight = np.where(layer.weight > 0, gain[:, :1], gain[:, 1:]) * layer.weight
        below: Float64Array = (error * 256 / layer.threshold_q8) @ weight
        return below

    def update(self, seen: Observation) -> Float64Array:
        drives = self.drives(seen)
        target = self.image.readout_class[None, :] == seen.labels[:, None]
        error = (target - seen.plain[-1] / self.image.n_steps) * self.gate(sum(drives[-1]))
        total = np.zeros(self.image.n_codes)
        for index in range(len(drives) - 1, -1, -1):
            domain = self.image.layers[index].domain.astype(int)
            signs = [np.ones(len(domain)), np.where(domain[:, 0] != domain[:, 1], -1, 0)]
            factors = drives[index] if self.multiplies else signs[: len(drives[index])]
            parts = [(error * factor).mean(axis=0) for factor in factors]
            self.scale[index] = max(self.scale[index], np.sqrt(np.mean(np.square(parts))))
            for side, part in enumerate(parts):
                np.add.at(total, domain[:, side], part / max(self.scale[index], 2.0**-22))
            if index > 0:
                error = self.back(index, error, seen) * self.gate(sum(drives[index - 1]))
        rate = RATE * END_SHARE ** min(self.updates / (STEPS - 1), 1)
        self.updates += 1
        self.position = np.clip(self.position + rate * total, 0, 255)
        return self.position


@pytest.mark.parametrize("name", sorted(KIND))
@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    kind=st.sampled_from(KINDS),
    sizes=st.lists(st.integers(2, 8), min_size=2, max_size=4).map(tuple),
    steps=st.integers(1, 3),
)
def test_it_is_the_float_equations(name: str, seed: int, kind: str, sizes: tuple[int, ...], steps: int) -> None:
    image = reachable(random_image(seed, sizes, kind, steps))
    codes = some_codes(image, seed)
    rule, expected = make_rule(name, image, codes, {"steps": STEPS}), FloatRule(name, image, codes)
    for step in range(3):
        seen = observe(image, codes, *some_samples(image, seed + step), None)
        codes = rule.update(seen)
        found = rule.state()["position_q24"] / 2.0**24 + 128
        wanted = expected.update(seen)
        # Drives and errors are whole in Q12 and Q15: a layer of hardly any error is a matter of the last places.
        atol = 0.05 + RATE * 2.0**-10 / np.min(expected.scale, initial=1, where=expected.scale > 0)
        np.testing.assert_allclose(found, wanted, atol=atol)
        # What the last places add up to stays small; the next update begins from the same place.
        expected.position = found


@pytest.mark.parametrize("name", sorted(KIND))
def test_the_other_rules_equations_lead_elsewhere(name: str) -> None:
    """Control of the test above."""
    image = reachable(random_image(3, (6, 8, 6), "split"))
    codes = some_codes(image, 3)
    seen = observe(image, codes, *some_samples(image, 3), None)
    rule = make_rule(name, image, codes, {"steps": STEPS})
    rule.update(seen)
    found = rule.state()["position_q24"] / 2.0**24 + 128
    for other in set(KIND) - {name}:
        assert np.abs(found - FloatRule(other, image, codes).update(seen)).max() > 1
