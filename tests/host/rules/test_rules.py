"""What every registered rule keeps to, whatever it learns by: legal codes, exact resuming, clear refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_host.rules import Rule, RuleEntry, entries, entry_named, make_rule, register
from nt_host.rules.base import RuleState
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.weights import PackedWeights
from tests.host.rules.toy import (
    SEEDS,
    images,
    observe,
    observe_for,
    random_image,
    run_updates,
    scrambled_problem,
    solved_problem,
    some_codes,
    some_samples,
    with_stairs,
)

NAMES = [entry.name for entry in entries() if entry.name != "discriminant"]
"""Rules for any image; `discriminant` refuses images without switches (test_discriminant.py)."""
every_rule = pytest.mark.parametrize("name", NAMES)
SEEING = [name for name in NAMES if name != "perturb"]
every_seeing_rule = pytest.mark.parametrize("name", SEEING)
"""Rules that learn from the spikes at the present codes; `perturb` never presents these (test_perturb.py)."""
every_rule_of_single_neurons = pytest.mark.parametrize("name", [name for name in SEEING if name != "scores"])
"""Rule `scores` asks for differences between classes, not for every neuron; `test_graded` holds what it learns."""
WHOLE_LEAD: dict[str, dict[str, float]] = {"scores": {"lead": 2.0}}
"""Settings under which two classes are right where all neurons of the label's spike and no other: its score then leads
by twice the mean."""


def assert_same_state(found: RuleState, expected: RuleState) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def copied(state: RuleState) -> RuleState:
    return {name: array.copy() for name, array in state.items()}


@every_rule
@settings(max_examples=60, deadline=None)
@given(
    image=images,
    seed=SEEDS,
    limits=st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted),
    stairs=st.booleans(),
    shows=st.sampled_from([1, 5]),
)
def test_codes_are_legal_whatever_the_image_and_the_start(
    name: str, image: Image, seed: int, limits: list[int], stairs: bool, shows: int
) -> None:
    image = with_stairs(image) if stairs else image
    codes = some_codes(image, seed)
    rule = make_rule(name, image, codes, {"code_min": limits[0], "code_max": limits[1]})
    for step in range(3):
        events, labels = some_samples(image, seed + step, batch=shows)
        seen = observe_for(rule, image, codes, events, labels)
        presented = codes.copy()
        after = rule.update(seen)
        assert after.dtype == np.uint8
        assert after.shape == (image.n_codes,)
        assert limits[0] <= after.min()
        assert after.max() <= limits[1]
        np.testing.assert_array_equal(seen.codes, presented, "the codes that were presented belong to the caller")
        codes = after


@every_rule
@settings(max_examples=30, deadline=None)
@given(image=images, seed=SEEDS)
def test_a_restored_rule_goes_on_to_the_bit(name: str, image: Image, seed: int) -> None:
    start = some_codes(image, seed)
    rule = make_rule(name, image, start)
    first = run_updates(rule, image, start, range(3))
    saved = rule.state()
    whole = run_updates(rule, image, first[-1], range(3, 6))

    # Other starting codes: nothing but the saved state may matter.
    resumed = make_rule(name, image, np.full(image.n_codes, 128, np.uint8))
    resumed.restore(saved)
    again = run_updates(resumed, image, first[-1], range(3, 6))
    np.testing.assert_array_equal(again, whole)
    assert_same_state(resumed.state(), rule.state())


@every_rule
def test_without_its_state_a_rule_goes_elsewhere(name: str) -> None:
    """Control of the test above: the state does decide what is learned next."""
    problem, codes = scrambled_problem()
    rule = make_rule(name, problem.image, codes)
    halfway = problem.learn(rule, codes, 3)
    forgetful = make_rule(name, problem.image, codes)
    assert (problem.learn(rule, halfway, 3) != problem.learn(forgetful, halfway, 3)).any()


def longer(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([array, array[:1]])


def wider(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.astype(np.float32)


@every_rule
@pytest.mark.parametrize("spoil", [longer, wider, None], ids=["shape", "dtype", "missing"])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name: str, spoil: object) -> None:
    problem, codes = scrambled_problem()
    rule = make_rule(name, problem.image, codes)
    problem.learn(rule, codes, 2)
    before = copied(rule.state())
    other = make_rule(name, problem.image, codes)
    problem.learn(other, codes, 5)
    for key in before:
        state = copied(other.state())
        array = state.pop(key)
        if callable(spoil):
            state[key] = spoil(array)
        with pytest.raises(UsageError, match=key):
            rule.restore(state)
        assert_same_state(rule.state(), before)


@every_seeing_rule
def test_a_rule_gets_along_without_dither_or_says_that_it_needs_it(name: str) -> None:
    problem, codes = scrambled_problem()
    rule = make_rule(name, problem.image, codes)
    bare = observe(problem.image, codes, problem.events, problem.labels, None)
    if rule.dither is None:
        assert (rule.update(bare) != codes).any()
        return
    before = copied(rule.state())
    with pytest.raises(UsageError, match="dither"):
        rule.update(bare)
    assert_same_state(rule.state(), before)


@every_seeing_rule
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_no_error_moves_no_code(name: str, seed: int) -> None:
    problem = solved_problem()
    codes = np.random.default_rng(seed).integers(110, 256, problem.image.n_codes).astype(np.uint8)
    rule = make_rule(name, problem.image, codes, WHOLE_LEAD.get(name, {}))
    assert problem.error(codes) == 0
    np.testing.assert_array_equal(problem.learn(rule, codes, 3), codes)


@every_rule_of_single_neurons
@pytest.mark.parametrize("seed", [0, 1])
def test_learning_solves_an_easy_problem(name: str, seed: int) -> None:
    problem, codes = scrambled_problem(seed)
    before = problem.error(codes)
    learned = problem.learn(make_rule(name, problem.image, codes, {"steps": 60}), codes, 60)
    assert before > 0.2
    assert problem.error(learned) < 0.3 * before


@every_seeing_rule
def test_wrong_labels_do_not_solve_it(name: str) -> None:
    """Control of the test above: it is the labels that a rule follows."""
    problem, codes = scrambled_problem()
    rule = make_rule(name, problem.image, codes, {"steps": 60})
    learned = problem.learn(rule, codes, 60, teacher=1 - problem.labels)
    assert problem.error(learned) > 0.3 * problem.error(codes)


def moves_at_a_steady_error(name: str, array: str, values: dict[str, float]) -> NDArray[np.float64]:
    """Largest move of ``array`` of the rule's state in each of 12 updates on one and the same batch."""
    problem, codes = scrambled_problem()
    rule = make_rule(name, problem.image, codes, values)
    seen = observe(problem.image, codes, problem.events, problem.labels, rule.dither)
    positions = [rule.state()[array]]
    for _ in range(12):
        rule.update(seen)
        positions.append(rule.state()[array])
    return np.abs(np.diff(positions, axis=0)).max(axis=1)


@pytest.mark.parametrize(
    ("name", "array", "rate"),
    [
        ("nt1", "position_q24", "rate_code"),
        ("nt2", "position_q24", "rate_code"),
        ("additive", "position_q24", "rate_code"),
        ("surrogate", "position_q24", "rate"),
        ("scores", "position_q24", "rate"),
    ],
)
def test_the_rate_falls_to_its_end_share_and_stays_there(name: str, array: str, rate: str) -> None:
    # Small enough a rate that no code reaches its limits, which would look like a fall.
    moves = moves_at_a_steady_error(name, array, {"steps": 10, "end_share": 0.25, rate: 0.01})
    assert (np.diff(moves) <= 1e-3 * moves[:-1]).all()
    # Cosine and cubic start one update into their fall.
    assert moves[9] / moves[0] == pytest.approx(0.25, rel=0.05)
    np.testing.assert_allclose(moves[10:], moves[9], rtol=1e-3)


@pytest.mark.parametrize("name", ["nt1", "nt2", "additive"])
@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    sizes=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    kind=st.sampled_from(["own", "split"]),
    signs=st.sampled_from([(-7, 8), (-7, 1), (0, 8)]),
)
def test_the_first_move_of_a_layer_is_its_rate_and_no_more(
    name: str, seed: int, sizes: tuple[int, int], kind: str, signs: tuple[int, int]
) -> None:
    """Also where a layer has inhibitory weights only, and hence nothing on one side of its split domains."""
    image = random_image(seed, sizes, kind)
    drawn = np.random.default_rng(seed).integers(*signs, image.layers[0].weight.shape).astype(np.int8)
    bias = np.clip(image.layers[0].bias, *signs).astype(np.int16)
    image = replace(image, layers=(replace(image.layers[0], packed=PackedWeights.of(drawn), bias=bias),))
    codes = np.full(image.n_codes, 128, np.uint8)
    rule = make_rule(name, image, codes, {"rate_code": 4.0})
    rule.update(observe(image, codes, *some_samples(image, seed), rule.dither))
    rms = float(np.sqrt(np.mean((rule.state()["position_q24"] / 2.0**24 + 128 - codes) ** 2)))
    assert rms == pytest.approx(4.0, rel=1e-3) or rms == 0


def test_an_unknown_rule_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="magic") as caught:
        entry_named("magic")
    assert all(name in str(caught.value) for name in NAMES)


@every_rule
def test_an_unknown_setting_is_answered_with_the_known_ones(name: str) -> None:
    image = random_image(0, (3, 2), "own")
    with pytest.raises(UsageError, match="nonsense") as caught:
        make_rule(name, image, some_codes(image, 0), {"nonsense": 1})
    for known in ("steps", "end_share", "code_min", "code_max"):
        assert known in str(caught.value)


OUT_OF_RANGE: dict[str, float | str] = {
    "steps": 0,
    "rate": 0.0,
    "rate_code": -1.0,
    "rate_switch": 0.0,
    "half_weight": 0.0,
    "swing": 0.0,
    "end_share": 1.5,
    "window": 0.0,
    "slope": -4.0,
    "lead": 0.0,
    "momentum": 1.0,
    "memory": 1.0,
    "hidden_dither_code": 128,
    "output_dither_code": 0,
    "max_move_code": 0,
    "code_min": -1,
    "code_max": 256,
    "engine": "abacus",
    "feedback": 2,
    "reach_code": 128,
    "seed": -1,
}


def settings_of(entry: RuleEntry) -> list[str]:
    return sorted(entry.settings_type.__dataclass_fields__)


@pytest.mark.parametrize(("name", "setting"), [(name, key) for name in NAMES for key in settings_of(entry_named(name))])
def test_every_setting_refuses_what_lies_outside_its_range(name: str, setting: str) -> None:
    image = random_image(0, (3, 2), "own")
    default = getattr(entry_named(name).settings_type(), setting)
    refused: list[float | str] = [OUT_OF_RANGE[setting]]
    if not isinstance(default, str):
        refused += [float("nan"), float("inf")]
    if isinstance(default, int):
        # 100.5 lies inside every range of whole numbers.
        refused.append(100.5)
    for value in refused:
        with pytest.raises(UsageError):
            make_rule(name, image, some_codes(image, 0), {setting: value})
    make_rule(name, image, some_codes(image, 0), {setting: default})


@pytest.mark.parametrize("name", ["nt1", "perturb"])
def test_a_first_move_keeps_to_half_the_range(name: str) -> None:
    image = random_image(0, (3, 2), "own")
    make_rule(name, image, some_codes(image, 0), {"rate_code": 128})
    with pytest.raises(UsageError, match="rate_code"):
        make_rule(name, image, some_codes(image, 0), {"rate_code": 128.5})


@every_rule
def test_code_limits_must_not_cross(name: str) -> None:
    image = random_image(0, (3, 2), "own")
    with pytest.raises(UsageError, match="code_min"):
        make_rule(name, image, some_codes(image, 0), {"code_min": 200, "code_max": 100})


@every_rule
@pytest.mark.parametrize("codes", [np.zeros(3, np.uint8), np.zeros(2, np.int64)], ids=["length", "dtype"])
def test_starting_codes_must_fit_the_image(name: str, codes: NDArray[np.uint8]) -> None:
    with pytest.raises(UsageError, match="starting codes"):
        make_rule(name, random_image(0, (3, 2), "own"), codes)


def test_two_rules_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="dmn"):
        register(entry_named("dmn"))


@every_rule
def test_a_rule_is_what_the_learning_loop_takes_it_for(name: str) -> None:
    image = random_image(0, (3, 2), "own")
    rule = make_rule(name, image, some_codes(image, 0))
    assert isinstance(rule, Rule)
    assert rule.name == name
