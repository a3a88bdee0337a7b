"""The C core computes the integers of the golden model: spikes and membranes, on any image, chip and input."""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nt_model.core import KERNELS, CoreEngine
from nt_model.corner import CORNERS
from nt_model.engine import NumpyEngine, make_engine
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState
from nt_model.operating import Operating, ideal_operating
from nt_model.silicon import Conditions, Silicon
from tests.core.cases import ImageChoice, RunChoice, build_events, build_image, differing, run_choices

FORWARD = ("counts", "compared_q8", "membrane_q8")
SPIKES = ("plain", "plus", "minus")
EXAMPLES = int(os.environ.get("NT_CORE_EXAMPLES", "200"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow],
)
few = settings(many, max_examples=max(10, EXAMPLES // 4))


def choice_of(sizes: tuple[int, ...], **changes: object) -> ImageChoice:
    plain = ImageChoice(7, sizes, "any", "small", "reached", "own", leak=2, refractory=1, steps=6)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def nominal(image: Image) -> Operating:
    return ideal_operating(image, np.full(image.n_codes, 128, np.uint8))


@many
@given(run_choices)
def test_forward_pass_is_that_of_the_golden_model(choice: RunChoice) -> None:
    image, events = choice.build()
    operating = choice.operating(image, choice.codes(image))
    ours = choice.engine(image).forward(operating, events, choice.first_step)
    golden = NumpyEngine(image).forward(operating, events, choice.first_step)
    assert differing(ours, golden, FORWARD) == []


@few
@given(run_choices)
def test_dithered_read_out_is_that_of_the_golden_model(choice: RunChoice) -> None:
    image, events = choice.build()
    codes = choice.codes(image)
    points = [choice.operating(image, np.roll(codes, shift), shift) for shift in range(3)]
    ours = choice.engine(image).forward_dithered(*points, events, choice.first_step)
    golden = NumpyEngine(image).forward_dithered(*points, events, choice.first_step)
    assert differing(ours, golden, SPIKES) == []


@few
@given(run_choices)
def test_gains_looked_up_in_tables_are_those_of_the_golden_model(choice: RunChoice) -> None:
    image, events = choice.build()
    codes = np.stack([np.roll(choice.codes(image), shift) for shift in range(3)])
    tables = Silicon.draw(image, CORNERS["wild"], choice.seed).gain_tables(Conditions(1000, -500))
    engine = choice.engine(image)
    for _ in range(2):
        ours = engine.dithered_counts(tables, codes, events, choice.first_step)
        golden = NumpyEngine(image).dithered_counts(tables, codes, events, choice.first_step)
        assert (ours == golden).all()
        codes = codes[:, ::-1].copy()


@few
@given(run_choices)
def test_gates_are_those_of_the_golden_model(choice: RunChoice) -> None:
    image, events = choice.build()
    tables = Silicon.draw(image, CORNERS["wild"], choice.seed).gain_tables(Conditions(1000, -500))
    settings = LearnSettings(hidden_dither_code=1 + choice.seed % 127, output_dither_code=48)
    engine, codes = choice.engine(image), choice.codes(image)
    ours = engine.gates(tables, codes, settings, events, choice.first_step)
    golden = NumpyEngine(image).gates(tables, codes, settings, events, choice.first_step)
    assert ours.shape == golden.shape
    assert (ours == golden).all()


@few
@given(run_choices)
def test_learning_steps_of_a_die_are_those_of_the_golden_model(choice: RunChoice) -> None:
    image, events = choice.build()
    tables = Silicon.draw(image, CORNERS["wild"], choice.seed).gain_tables(Conditions(1000, -500))
    x = np.stack([events, events[::-1], events])
    labels = np.random.default_rng(choice.seed).integers(0, image.n_classes, x.shape[:2])
    settings = [LearnSettings(), LearnSettings(rate_q8=900), LearnSettings(60, 20, 5000, 9)]
    start = LearnState.at(choice.codes(image))
    ours = choice.engine(image).learn_steps(start, tables, x, choice.first_step, labels, settings)
    golden = NumpyEngine(image).learn_steps(start, tables, x, choice.first_step, labels, settings)
    assert (ours.codes == golden.codes).all()
    assert (ours.accumulator_q8 == golden.accumulator_q8).all()
    assert (ours.mean_q8 == golden.mean_q8).all()


def test_tables_and_codes_of_another_image_are_refused() -> None:
    image, other = build_image(choice_of((9, 8, 5))), build_image(choice_of((9, 7, 5)))
    tables = Silicon.draw(image, CORNERS["ideal"], 1).gain_tables()
    codes = np.full((3, image.n_codes), 128, np.uint8)
    events = build_events(1, "binary", image, 2, 1)
    wrong = Silicon.draw(other, CORNERS["ideal"], 1).gain_tables()
    engine = CoreEngine(image, kernel=KERNELS[0])
    with pytest.raises(UsageError):
        engine.dithered_counts(tables, codes[:2], events, 0)
    with pytest.raises(UsageError):
        engine.dithered_counts(wrong, codes, events, 0)


@few
@given(run_choices)
def test_board_without_silicon_reads_all_but_the_codes_in_the_image(choice: RunChoice) -> None:
    image, events = choice.build()
    codes = choice.codes(image)
    ours = choice.engine(image).forward_nominal(codes, events)
    golden = NumpyEngine(image).forward(ideal_operating(image, codes), events, 0)
    assert differing(ours, golden, FORWARD) == []


def test_one_engine_may_serve_several_threads() -> None:
    image = build_image(choice_of((90, 50, 5)))
    engine = CoreEngine(image)
    inputs = [build_events(seed, "binary", image, 16, 4) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        ours = list(pool.map(lambda x: engine.forward(nominal(image), x, 0), inputs))
    golden = [NumpyEngine(image).forward(nominal(image), x, 0) for x in inputs]
    assert [differing(one, other, FORWARD) for one, other in zip(ours, golden, strict=True)] == [[]] * len(inputs)


@pytest.mark.parametrize("weights", ["all +7", "all -7"])
@pytest.mark.parametrize("events", ["dense", "full", "ones and more"])
@pytest.mark.parametrize("domains", ["own", "split"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_lanes_are_widened_before_they_overflow(kernel: str, weights: str, events: str, domains: str) -> None:
    image = build_image(choice_of((1500, 133, 3), weights=weights, domains=domains, thresholds="extreme"))
    operating = ideal_operating(image, np.random.default_rng(3).integers(0, 256, image.n_codes).astype(np.uint8))
    x = build_events(5, events, image, 2, 2)
    ours = CoreEngine(image, kernel=kernel).forward(operating, x, 0)
    golden = NumpyEngine(image).forward(operating, x, 0)
    assert differing(ours, golden, FORWARD) == []


@pytest.mark.parametrize("weights", ["all +7", "all -7"])
@pytest.mark.parametrize("leak", [0, 16])
def test_drive_and_membrane_saturate(weights: str, leak: int) -> None:
    """1500 inputs of 255 events at weight 7 and the largest gain are three times what int32 holds."""
    image = build_image(choice_of((1500, 20, 3), weights=weights, thresholds="extreme", leak=leak, refractory=0))
    layers = tuple(
        dataclasses.replace(one, gain_q12=np.full_like(one.gain_q12, 65535), noise_q8=np.full_like(one.noise_q8, 65535))
        for one in nominal(image).layers
    )
    x = build_events(5, "full", image, 2, 4)
    ours = CoreEngine(image).forward(Operating(layers), x, 0)
    assert differing(ours, NumpyEngine(image).forward(Operating(layers), x, 0), FORWARD) == []


@settings(few, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(13, 255))
def test_long_runs_with_scratch_that_grows(seed: int, steps: int) -> None:
    image = build_image(choice_of((9, 21, 5), seed=seed, refractory=0))
    engine, golden = CoreEngine(image, 8), NumpyEngine(image)
    for count in (1, steps, 2):
        x = build_events(seed, "binary", image, 2, count)
        assert differing(engine.forward(nominal(image), x, 3), golden.forward(nominal(image), x, 3), FORWARD) == []


def test_comparison_sees_an_operating_point_that_is_off_by_one() -> None:
    """Negative control: one step of leak, threshold or gain changes what is compared."""
    image = build_image(choice_of((30, 20, 5), thresholds="reached"))
    operating = nominal(image)
    x = build_events(1, "dense", image, 8, 6)
    golden = NumpyEngine(image).forward(operating, x, 0)
    for name in ("leak_q16", "gain_q12"):
        wrong = Operating(tuple(dataclasses.replace(one, **{name: getattr(one, name) + 1}) for one in operating.layers))
        assert differing(CoreEngine(image).forward(wrong, x, 0), golden, FORWARD) != [], name
    leaks = tuple(dataclasses.replace(layer, leak=layer.leak + 1) for layer in image.layers)
    other = dataclasses.replace(image, layers=leaks)
    assert differing(CoreEngine(other).forward(nominal(other), x, 0), golden, FORWARD) != []


def test_threshold_is_met_exactly() -> None:
    image = build_image(choice_of((30, 20, 5)))
    x = build_events(1, "dense", image, 1, 1)
    at_rest = nominal(image)
    reached = NumpyEngine(image).forward(at_rest, x, 0).compared_q8[0][0]
    for offset, spikes in ((0, 1), (1, 0)):
        layers = (dataclasses.replace(at_rest.layers[0], threshold_q8=reached + offset), at_rest.layers[1])
        assert (CoreEngine(image).forward(Operating(layers), x, 0).counts[0] == spikes).all()


def test_non_contiguous_input_is_read_as_it_looks() -> None:
    image = build_image(choice_of((30, 20, 5)))
    x = build_events(1, "counts", image, 4, 12)[::2, ::-2]
    ours = CoreEngine(image).forward(nominal(image), x, 0)
    assert differing(ours, NumpyEngine(image).forward(nominal(image), x, 0), FORWARD) == []


def test_engine_is_found_by_name_and_refuses_what_does_not_fit() -> None:
    image = build_image(choice_of((30, 20, 5)))
    engine = make_engine("c", image)
    assert (engine.name, engine.image) == ("c", image)
    for x in (np.zeros((1, 1, 29), np.uint8), np.zeros((1, 1, 30), np.int64), np.zeros((1, 256, 30), np.uint8)):
        with pytest.raises(UsageError):
            engine.forward(nominal(image), x, 0)
    other = build_image(choice_of((30, 21, 5)))
    with pytest.raises(UsageError):
        engine.forward(nominal(other), np.zeros((1, 1, 30), np.uint8), 0)
