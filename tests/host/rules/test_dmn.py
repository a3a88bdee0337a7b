"""Rule `dmn` on the host is the golden learning step, with the rate that its schedule gives to each step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.rules import make_rule
from nt_host.rules.dmn import DmnRule, DmnSettings, learn_settings, rate_q8, rates_q8
from nt_model.engine import ENGINES
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes, learn_step, packed_gates
from tests.host.rules.toy import SEEDS, images, observe, some_codes, some_samples

values_of_dmn = st.fixed_dictionaries(
    {
        "steps": st.integers(1, 8),
        "rate_code": st.floats(0.01, 127),
        "end_share": st.floats(0.001, 1),
        "hidden_dither_code": st.integers(1, 127),
        "output_dither_code": st.integers(1, 127),
        "max_move_code": st.integers(1, 127),
        "code_min": st.integers(0, 100),
        "code_max": st.integers(101, 255),
    }
)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30, deadline=None)
@given(image=images, seed=SEEDS, values=values_of_dmn)
def test_every_update_is_the_golden_step(engine: str, image: Image, seed: int, values: dict[str, float]) -> None:
    codes = some_codes(image, seed)
    rule = make_rule("dmn", image, codes, {**values, "engine": engine})
    chosen = DmnSettings(**values)
    assert rule.dither is not None
    assert (rule.dither.hidden_code, rule.dither.output_code) == (
        values["hidden_dither_code"],
        values["output_dither_code"],
    )
    expected = LearnState.at(codes)
    for step in range(5):
        events, labels = some_samples(image, seed + step)
        seen = observe(image, expected.codes, events, labels, rule.dither)
        spikes = Spikes(seen.plain, seen.plus, seen.minus)
        expected = learn_step(image, expected, spikes, labels, learn_settings(chosen, step))
        np.testing.assert_array_equal(rule.update(seen), expected.codes)
    state = rule.state()
    np.testing.assert_array_equal(state["accumulator_q8"], expected.accumulator_q8)
    np.testing.assert_array_equal(state["mean_q8"], expected.mean_q8)


@settings(max_examples=30, deadline=None)
@given(image=images, seed=SEEDS)
def test_it_learns_from_the_codes_that_were_presented(image: Image, seed: int) -> None:
    """A chip may not have taken what the rule last gave: the batch says at which codes it was shown."""
    rule = make_rule("dmn", image, some_codes(image, seed))
    assert rule.dither is not None
    elsewhere = some_codes(image, seed + 1)
    seen = observe(image, elsewhere, *some_samples(image, seed), rule.dither)
    spikes = Spikes(seen.plain, seen.plus, seen.minus)
    expected = learn_step(image, LearnState.at(elsewhere), spikes, seen.labels, learn_settings(DmnSettings(), 0))
    np.testing.assert_array_equal(rule.update(seen), expected.codes)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30, deadline=None)
@given(image=images, seed=SEEDS, values=values_of_dmn)
def test_gates_teach_what_the_planes_teach(engine: str, image: Image, seed: int, values: dict[str, float]) -> None:
    """Steps from gates, from planes, and gates again, on one rule; the other sees planes alone. State survives."""
    codes = some_codes(image, seed)
    ours, golden = (make_rule("dmn", image, codes, {**values, "engine": engine}) for _ in range(2))
    assert isinstance(ours, DmnRule)
    for step in range(5):
        events, labels = some_samples(image, seed + step)
        seen = observe(image, codes, events, labels, golden.dither)
        gates = packed_gates(
            *(np.concatenate(each, axis=1) for each in (seen.plus, seen.minus)), len(image.readout_class)
        )
        codes = golden.update(seen)
        learned = ours.update(seen) if step == 2 else ours.update_from_gates(gates.tobytes(), labels, seen.codes)
        np.testing.assert_array_equal(learned, codes)
        if step == 3:
            ours.restore(ours.state())
    for name, array in golden.state().items():
        np.testing.assert_array_equal(ours.state()[name], array)
    with pytest.raises(UsageError, match="gates and labels"):
        ours.update_from_gates(b"\0", np.zeros(2, np.int64), codes)


@given(st.integers(1, 500), st.floats(0.004, 127.99), st.floats(1e-4, 1))
def test_the_rate_falls_from_the_first_to_the_end_share_and_stays(steps: int, rate_code: float, share: float) -> None:
    chosen = DmnSettings(steps=steps, rate_code=rate_code, end_share=share)
    rates = [rate_q8(chosen, step) for step in range(steps + 3)]
    assert rates == [*rates_q8(chosen), rates_q8(chosen)[-1], rates_q8(chosen)[-1]]
    assert rates[0] == max(1, round(rate_code * 256))
    assert (np.diff(rates) <= 0).all()
    if steps > 1:
        # Rounded to Q8.8, and never to a rate that does not learn at all.
        assert rates[steps - 1] == pytest.approx(max(1.0, rate_code * 256 * share), abs=0.51)
    assert len(set(rates[max(1, steps - 1) :])) == 1


@given(values_of_dmn, st.integers(0, 20))
def test_the_device_is_handed_nothing_that_it_would_refuse(values: dict[str, float], step: int) -> None:
    handed = learn_settings(DmnSettings(**values), step)
    assert isinstance(handed, LearnSettings)
    assert 1 <= handed.rate_q8 <= 32767
    for name in ("hidden_dither_code", "output_dither_code", "max_move_code", "code_min", "code_max"):
        assert getattr(handed, name) == values[name]
