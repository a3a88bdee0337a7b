"""The gain law: integers against the closed form, and the properties that codes rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.gain import NOMINAL, MirrorParams, current_q24, isqrt, nominal_gain


def closed_form(vdd: float, vth: float, beta_rs: float) -> float:
    u = beta_rs * max(0.0, vdd - vth)
    return u + 1 - (2 * u + 1) ** 0.5


def test_the_nominal_table_is_the_law_to_one_lsb():
    vth, beta_rs = NOMINAL.vth_uv / 1e6, NOMINAL.beta_rs_q16 / 65536
    current = np.array([closed_form(0.5 + 0.5 * code / 255, vth, beta_rs) for code in range(256)])
    assert np.abs(nominal_gain() - 4096 * current / current[128]).max() <= 1.0


def test_the_current_solves_the_mirror_equation():
    """I = beta/2 (VDD - I Rs - Vth)^2 with Rs = 1: put the result back into the equation it came from."""
    for vdd in np.linspace(0.5, 1.0, 11):
        beta_rs, vth = 4.0, 0.35
        current = closed_form(vdd, vth, beta_rs) / beta_rs
        assert current == pytest.approx(beta_rs / 2 * (vdd - current - vth) ** 2, rel=1e-9)


def test_no_current_flows_below_threshold():
    below = current_q24(np.array([300_000]), np.array([350_000]), np.array([4 << 16]))
    assert below.tolist() == [0]


@given(st.integers(100_000, 450_000), st.integers(1 << 14, 16 << 16))
def test_the_table_is_monotone_and_one_at_code_128(vth_uv, beta_rs_q16):
    gain = nominal_gain(MirrorParams(vth_uv, beta_rs_q16)).astype(int)
    assert gain[128] == 4096
    assert (np.diff(gain) >= 0).all()


@given(st.lists(st.integers(0, 2**52 - 1), min_size=1, max_size=50))
def test_isqrt_is_the_floor_of_the_root(values):
    root = isqrt(np.array(values, np.int64)).tolist()
    assert all(r * r <= v < (r + 1) * (r + 1) for r, v in zip(root, values, strict=True))
