"""Gain law of a power domain: drain current of a mirror with a resistive load against its supply.

I = beta/2 (VDD - I Rs - Vth)^2 solved for I gives, with u = beta Rs (VDD - Vth),
I = (u + 1 - sqrt(2u + 1)) / (beta Rs^2); I = 0 below Vth (design page, section 3; Barton et al. 2022, equation 16
with its beta standing for beta/2). Integers throughout, so that every implementation gives the same table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.devices import DEVICES

Int64Array = NDArray[np.int64]

VDD_MIN_UV = 1000 * DEVICES.supply.lowest_mv
VDD_SPAN_UV = 1000 * (DEVICES.supply.highest_mv - DEVICES.supply.lowest_mv)
ONE_Q12 = 4096
ONE_Q24 = 1 << 24
GAIN_MAX = 65535


@dataclass(frozen=True)
class MirrorParams:
    """Nominal device of one power domain.

    Attributes:
        vth_uv: threshold voltage, microvolt.
        beta_rs_q16: beta times load resistance, per volt, Q16.
    """

    vth_uv: int = 1000 * DEVICES.mirror.vth_mv
    beta_rs_q16: int = DEVICES.mirror.beta_rs_per_v << 16


NOMINAL = MirrorParams()


def isqrt(value: Int64Array) -> Int64Array:
    """Integer square root (floor) of int64 values below 2^52; exact."""
    root = np.sqrt(value.astype(np.float64)).astype(np.int64)
    root -= root * root > value
    root += (root + 1) * (root + 1) <= value
    return root


def supply_uv(code: Int64Array) -> Int64Array:
    """Nominal supply of a DAC code 0..255, microvolt: 0.5 V to 1.0 V, rounded down."""
    return VDD_MIN_UV + (code * VDD_SPAN_UV) // 255


def current_q24(vdd_uv: Int64Array, vth_uv: Int64Array, beta_rs_q16: Int64Array) -> Int64Array:
    """u + 1 - sqrt(2u + 1) in Q24, the current in units of 1 / (beta Rs^2); u is bounded to 0..15.

    Args:
        vdd_uv: supply, microvolt.
        vth_uv: threshold voltage, microvolt.
        beta_rs_q16: beta Rs, 1/V, Q16, at most 64 << 16.
    """
    overdrive_uv = np.clip(vdd_uv - vth_uv, 0, 1_000_000)
    u = np.minimum((overdrive_uv * beta_rs_q16 * 256) // 1_000_000, 15 * ONE_Q24)
    return u + ONE_Q24 - _sqrt_q24(2 * u + ONE_Q24)


def _sqrt_q24(value_q24: Int64Array) -> Int64Array:
    """Square root of a Q24 value below 32, Q24, to 2 LSB: isqrt of the value in Q46 is Q23."""
    return isqrt(value_q24 << 22) * 2


def nominal_gain(params: MirrorParams = NOMINAL) -> NDArray[np.uint16]:
    """Nominal gain table, (256,) uint16 Q4.12: current of each code relative to that of code 128."""
    code = np.arange(256, dtype=np.int64)
    vth = np.full(256, params.vth_uv, np.int64)
    beta_rs = np.full(256, params.beta_rs_q16, np.int64)
    current = current_q24(supply_uv(code), vth, beta_rs)
    return ((current * ONE_Q12 + current[128] // 2) // current[128]).astype(np.uint16)
