"""Measuring and fitting on neurons that follow the law: identity chip, normal and inverted; drawn chips; faults."""

from __future__ import annotations

import numpy as np
import pytest

from nt_calib.fit import Fit
from nt_calib.law import Law, log_nominal_gain
from nt_calib.measure import LayerBench, measure_layer
from nt_calib.options import Options
from nt_calib.reads import Reads
from nt_calib.verdict import Verdict, judge_neurons
from nt_model.errors import UsageError
from nt_model.image import Image
from tests.calib.benches import LawBench, bench_image

FEW = Options(search_patterns=8, refine_patterns=32)
CODES = np.arange(64.0, 193.0, 16.0)


def measured(image: Image, bench: LawBench, index: int = 0, options: Options = FEW) -> tuple[Reads, Fit, LayerBench]:
    layer = LayerBench(image, index, bench, options, lambda _: None)
    reads, fit = measure_layer(layer)
    return reads, fit, layer


def errors(fit: Fit, truth: np.ndarray, image: Image) -> np.ndarray:
    """ln of fitted over true gain at `CODES`, (N, K)."""
    codes = np.tile(CODES, (len(truth), 1))
    return fit.law.log_gain(codes) - Law(truth, image.gain).log_gain(codes)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("index", [0, 1])
def test_the_identity_chip_is_found_to_be_nominal(inverted: bool, noise: float, index: int) -> None:
    image = bench_image(inverted=inverted)
    bench = LawBench.identity(image, noise)
    reads, fit, layer = measured(image, bench, index)
    error = errors(fit, bench.parameters[index], image)
    # Without noise a crossing is known to a whole code and no better: 0.7 % at code 128, 1.1 % at 64.
    assert np.percentile(np.abs(error), 95) < 0.004 + noise / 3
    assert np.abs(error).max() < 0.012 + noise / 3
    verdict = judge_neurons(reads, fit, image.gain, layer.falling)
    # So few reads leave some gains open by half a code at the largest noise, and then it says so.
    assert np.isin(verdict, (Verdict.GOOD, Verdict.UNCERTAIN)).all()
    assert (verdict == Verdict.GOOD).mean() > (0.9 if noise <= 0.01 else 0.6)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_drawn_chip_is_found_within_what_the_fit_claims(inverted: bool, seed: int) -> None:
    image = bench_image(seed, inverted=inverted)
    bench = LawBench.drawn(image, 0.15, 0.01, seed)
    _, fit, _ = measured(image, bench)
    error = errors(fit, bench.parameters[0], image)
    middle = error[:, list(CODES).index(128.0)]
    assert np.percentile(np.abs(error), 95) < 0.01, f"seed {seed}"
    assert np.median(np.abs(middle / fit.log_gain_sd(128.0))) < 1.5, f"seed {seed}"
    assert abs(np.log(np.median(fit.noise) / 0.01)) < 0.35, f"seed {seed}"


def test_wild_answers_do_not_carry_the_fit_away() -> None:
    image = bench_image()
    bench = LawBench.drawn(image, 0.15, 0.01, 5)
    clean = bench.shoot
    rng = np.random.default_rng(0)

    def lying(shots):  # type: ignore[no-untyped-def]
        counts = []
        for shot, count in zip(shots, clean(shots), strict=True):
            wild = rng.random(len(count)) < 0.01
            counts.append(np.where(wild, shot.stimulus.n_repeats - count, count).astype(np.uint8))
        return tuple(counts)

    bench.shoot = lying  # type: ignore[method-assign]
    _, fit, _ = measured(image, bench)
    assert np.percentile(np.abs(errors(fit, bench.parameters[0], image)), 90) < 0.02


def test_neurons_beyond_the_codes_are_named_with_the_bound_that_they_hit() -> None:
    image = bench_image()
    bench = LawBench.identity(image, 0.01)
    bench.parameters[0][0, 0], bench.parameters[0][1, 0] = -0.95, 1.8
    reads, fit, layer = measured(image, bench)
    verdict = judge_neurons(reads, fit, image.gain, layer.falling)
    assert verdict[0] in (Verdict.TOO_WEAK, Verdict.UNCERTAIN)
    assert verdict[1] in (Verdict.TOO_STRONG, Verdict.UNCERTAIN)
    assert (verdict[2:] == Verdict.GOOD).mean() > 0.9


def test_the_same_seed_asks_the_same_shots() -> None:
    image = bench_image()
    one, two = (measured(image, LawBench.drawn(image, 0.1, 0.01, 1))[0] for _ in range(2))
    assert (one.codes == two.codes).all()
    assert (one.spikes == two.spikes).all()


def test_the_law_is_nominal_at_zero() -> None:
    image = bench_image()
    codes = np.tile(np.arange(256.0), (3, 1))
    law = Law(np.zeros((3, 4)), image.gain)
    assert np.abs(law.log_gain(codes) - log_nominal_gain(image.gain, codes) - 0.0).max() < 2e-3 + abs(
        float(law.log_gain(np.array([[128.0]]).repeat(3, 0))[0, 0])
    )


def test_the_gradient_is_the_derivative() -> None:
    image = bench_image()
    rng = np.random.default_rng(3)
    parameters = rng.normal(size=(20, 4)) * [0.3, 0.2, 0.04, 0.5]
    codes = rng.uniform(20, 240, (20, 6))
    _, gradient = Law(parameters, image.gain).gradient(codes)
    for k in range(4):
        step = np.zeros(4)
        step[k] = 1e-5
        up = Law(parameters + step, image.gain).log_gain(codes)
        down = Law(parameters - step, image.gain).log_gain(codes)
        assert np.allclose((up - down) / 2e-5, gradient[..., k], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "number"), [("search_patterns", 2), ("refine_repeats", 0), ("search_rounds", 17)])
def test_options_out_of_range_are_refused(name: str, number: int) -> None:
    with pytest.raises(UsageError, match=name):
        Options(**{name: number})
