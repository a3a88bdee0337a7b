"""An analog store: drift towards its rest level, the longest interval, and what a refresh costs and restores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_hil.traffic import BAUD
from nt_host.adapt.settings import AdaptSettings
from nt_host.systems.retention import Store, draw_taus, held_codes, longest_interval, run_chip
from nt_model.errors import UsageError

CODES = st.lists(st.integers(0, 255), min_size=1, max_size=40).map(lambda values: np.array(values, np.uint8))
STORE = st.builds(Store, st.integers(0, 255), st.floats(0, 1))
SHORT = AdaptSettings(steps=10, judge_every=5)


@given(CODES, STORE, st.integers(0, 99), st.floats(0, 5), st.floats(0, 5))
def test_held_codes_move_to_the_rest_level_and_never_past_it(
    codes: np.ndarray, store: Store, seed: int, age: float, later: float
) -> None:
    taus = draw_taus(len(codes), store.tau_spread, seed)
    np.testing.assert_array_equal(held_codes(codes, store, taus, 0.0), codes)
    away = codes.astype(np.int64) - store.rest_code
    now = held_codes(codes, store, taus, age).astype(np.int64) - store.rest_code
    then = held_codes(codes, store, taus, age + later).astype(np.int64) - store.rest_code
    assert (now * away >= 0).all()
    assert (np.abs(now) <= np.abs(away)).all()
    assert (np.abs(then) <= np.abs(now)).all()


def test_after_many_time_constants_only_the_rest_level_is_left() -> None:
    codes = np.arange(256, dtype=np.uint8)
    for rest in (0, 128):
        assert (held_codes(codes, Store(rest, 0.3), draw_taus(256, 0.3, 1), 100.0) == rest).all()


def test_one_time_constant_leaves_a_share_of_one_over_e() -> None:
    assert held_codes(np.array([200], np.uint8), Store(0, 0.0), np.ones(1), 1.0)[0] == round(200 / np.e)


def test_time_constants_have_median_one_and_the_spread_asked_for() -> None:
    taus = draw_taus(20_000, 0.3, 5)
    assert np.median(taus) == pytest.approx(1.0, abs=0.02)
    assert np.log(taus).std() == pytest.approx(0.3, abs=0.01)
    assert (draw_taus(9, 0.0, 5) == 1).all()


def test_the_interval_ends_before_the_first_age_that_loses_too_much() -> None:
    ages = (0.0, 0.1, 0.2, 0.4)
    assert longest_interval(ages, (0.9, 0.895, 0.8, 0.9)) == 0.1
    assert longest_interval(ages, (0.9, 0.8, 0.9, 0.9)) == 0.0
    assert longest_interval(ages, (0.9, 0.91, 0.9, 0.9)) == 0.4


def test_nonsense_is_refused() -> None:
    with pytest.raises(UsageError, match="negative"):
        draw_taus(3, -0.1, 0)
    with pytest.raises(UsageError, match="negative"):
        held_codes(np.zeros(1, np.uint8), Store(0, 0.0), np.ones(1), -1.0)


def test_drift_costs_accuracy_and_a_refresh_restores_it_for_all_codes_on_the_wire() -> None:
    store = Store(0, 0.3)
    points, refresh = run_chip(0, (store,), (0.0, 3.0), SHORT, repeats=1, n_test=200)
    fresh, old = points
    assert fresh.moved_codes == 0
    assert old.argmax < fresh.argmax - 0.2
    assert refresh.restored
    assert refresh.argmax == pytest.approx(fresh.argmax, abs=0.05)
    n_codes = 848
    assert refresh.bytes_sent > n_codes
    assert refresh.wire_s == max(refresh.bytes_sent, refresh.bytes_received) * 10 / BAUD
