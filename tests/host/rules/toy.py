"""Images with every kind of domain, an ideal chip that shows its spikes, and two-class problems."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules import Observation, ProbingRule, Rule
from nt_model.engine import NumpyEngine
from nt_model.image import Image, own_domains
from nt_model.learn import LearnSettings, dithered_codes
from nt_model.operating import ideal_operating
from nt_model.weights import PackedWeights
from tests.model.strategies import make_image
from tests.model.strategies import sizes as layer_sizes

ByteArray = NDArray[np.uint8]

KINDS = ("own", "shared", "split", "mixed")
"""own: a code per neuron; shared: neighbours of a layer share one; split: two per neuron; mixed: all of it at random,
codes shared across layers too."""

SEEDS = st.integers(0, 2**32 - 1)


def with_domains(image: Image, kind: str, seed: int) -> Image:
    """``image`` with domains of ``kind``."""
    counts = tuple(layer.n_neurons for layer in image.layers)
    if kind in ("own", "split"):
        maps = own_domains(counts, split=kind == "split")
    else:
        total = sum(counts)
        if kind == "shared":
            layer_of = np.repeat(np.arange(len(counts)), counts)
            drawn = np.stack([np.arange(total) // 2 + total * layer_of] * 2, axis=1)
        else:
            drawn = np.random.default_rng(seed).integers(0, total + 1, (total, 2))
        # Renumbered, since an image may not skip a code.
        whole = np.unique(drawn, return_inverse=True)[1].reshape(total, 2).astype(np.uint16)
        maps = tuple(np.split(whole, np.cumsum(counts)[:-1]))
    layers = tuple(replace(layer, domain=domain) for layer, domain in zip(image.layers, maps, strict=True))
    return replace(image, layers=layers)


def random_image(seed: int, sizes: tuple[int, ...], kind: str, steps: int = 1) -> Image:
    """Random integers in layers of ``sizes`` (inputs first)."""
    return with_domains(make_image(seed, sizes, steps=steps), kind, seed)


images = st.builds(random_image, SEEDS, layer_sizes, st.sampled_from(KINDS), st.integers(1, 3))


def with_stairs(image: Image) -> Image:
    """``image`` with a gain table in which runs of codes share one gain."""
    return replace(image, gain=(image.gain >> 9) << 9)


def some_samples(image: Image, seed: int, batch: int = 5) -> tuple[ByteArray, NDArray[np.int64]]:
    """Random events (B, M) and labels (B,)."""
    rng = np.random.default_rng(seed)
    events = rng.integers(0, 30, (batch, image.n_inputs)).astype(np.uint8)
    return events, rng.integers(0, image.n_classes, batch)


def some_codes(image: Image, seed: int) -> ByteArray:
    """Random codes over the whole range."""
    return np.random.default_rng(seed).integers(0, 256, image.n_codes).astype(np.uint8)


def observe_for(
    rule: Rule, image: Image, codes: ByteArray, events: ByteArray, labels: NDArray[np.int64]
) -> Observation:
    """What a chip without mismatch and noise shows ``rule`` of ``events`` (B, M) at ``codes``."""
    if not isinstance(rule, ProbingRule):
        return observe(image, codes, events, labels, rule.dither)
    seen = (observe(image, probe, events, labels, None).plain[-1] for probe in rule.probes())
    return Observation(labels, events, (), codes, probed=tuple(seen))


def observe(
    image: Image, codes: ByteArray, events: ByteArray, labels: NDArray[np.int64], dither: Dither | None
) -> Observation:
    """What a chip without mismatch and noise shows of ``events`` (B, M) at ``codes``."""
    engine = NumpyEngine(image)
    x = np.repeat(events[:, None, :], image.n_steps, axis=1)
    here = ideal_operating(image, codes)
    if dither is None:
        return Observation(labels, events, engine.forward(here, x, 0).counts, codes)
    offsets = LearnSettings(dither.hidden_code, dither.output_code)
    plus, minus = (ideal_operating(image, dithered_codes(image, codes, offsets, sign)) for sign in (1, -1))
    spikes = engine.forward_dithered(here, plus, minus, x, 0)
    return Observation(labels, events, spikes.plain, codes, spikes.plus, spikes.minus)


def run_updates(rule: Rule, image: Image, codes: ByteArray, seeds: range) -> list[ByteArray]:
    """Closed loop on random batches, one per seed: the codes after each update."""
    found = []
    for seed in seeds:
        codes = rule.update(observe_for(rule, image, codes, *some_samples(image, seed)))
        found.append(codes)
    return found


@dataclass(frozen=True, eq=False)
class Problem:
    """Two classes: events (S, M) and labels (S,)."""

    image: Image
    events: ByteArray
    labels: NDArray[np.int64]

    def error(self, codes: ByteArray) -> float:
        """Share of output neurons that are wrong at ``codes``, 0..1."""
        spikes = observe(self.image, codes, self.events, self.labels, None).plain[-1] > 0
        return float(np.mean(spikes != (self.image.readout_class[None, :] == self.labels[:, None])))

    def learn(self, rule: Rule, codes: ByteArray, steps: int, teacher: NDArray[np.int64] | None = None) -> ByteArray:
        """Codes after ``steps`` updates on all samples; ``teacher`` gives labels other than the right ones."""
        labels = self.labels if teacher is None else teacher
        for _ in range(steps):
            codes = rule.update(observe_for(rule, self.image, codes, self.events, labels))
        return codes


def two_sided(weights: tuple[int, int], thresholds: tuple[int, int]) -> Image:
    """Half of the hidden neurons answers to either half of the inputs, half of the outputs to either hidden half.

    ``weights`` and ``thresholds`` (LSB) are of the hidden and of the output layer.
    """
    base = make_image(0, (20, 40, 6), classes=2)
    sides = [np.arange(count) < count // 2 for count in (20, 40)] + [base.readout_class == 0]
    layers = tuple(
        replace(
            layer,
            packed=PackedWeights.of(np.where(above[:, None] == below[None, :], weight, -weight).astype(np.int8)),
            bias=np.zeros(layer.n_neurons, np.int16),
            threshold_q8=np.full(layer.n_neurons, threshold * 256, np.int32),
        )
        for layer, below, above, weight, threshold in zip(
            base.layers, sides, sides[1:], weights, thresholds, strict=False
        )
    )
    return replace(base, layers=layers)


def scrambled_problem(seed: int = 0) -> tuple[Problem, ByteArray]:
    """An easy problem and codes at which many outputs are wrong: most gains are too low, each in its own way."""
    rng = np.random.default_rng(seed)
    rates = np.repeat([[6] * 10 + [1] * 10, [1] * 10 + [6] * 10], 20, axis=0)
    events = rng.poisson(rates).astype(np.uint8)
    problem = Problem(two_sided((3, 2), (120, 20)), events, np.repeat([0, 1], 20))
    return problem, rng.integers(40, 160, problem.image.n_codes).astype(np.uint8)


def solved_problem() -> Problem:
    """A problem that is solved by a wide margin at all codes from 110 on: no rule has anything left to ask."""
    events = np.zeros((8, 20), np.uint8)
    events[:4, :10] = events[4:, 10:] = 255
    return Problem(two_sided((7, 7), (100, 10)), events, np.repeat([0, 1], 4))
