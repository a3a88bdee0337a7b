"""The device law that is fitted: input-referred gain of a neuron against its DAC code, in float.

A comparator shows whether I * gain reaches the threshold, so a chip's spikes tell only the *ratio* of gain to
threshold, and only this ratio matters: membranes start at 0 and leak in proportion. All gains here are
input-referred, gain(code) * nominal threshold / threshold, with 1 for the nominal neuron at code 128.

    ln G(c) = ln g_nominal(c) + scale + ln F(u(c)) - ln F(u_nominal(c)),     F(u) = u + 1 - sqrt(2u + 1)
    u(c) = 4/V * exp(shape) * (VDD(c + bow * 4 c (255 - c) / 255^2) - Vth),  VDD(c) = 0.5 V + 0.5 V * c / 255

(docs/spec.md, section 3; Barton et al. 2022, equation 16). With relative devices beta, Rs and threshold t the
parameters are shape = ln(beta Rs) and scale = -ln(beta Rs^2) - ln t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.gain import NOMINAL, ONE_Q12, VDD_MIN_UV, VDD_SPAN_UV

FloatArray = NDArray[np.float64]

N_PARAMETERS = 4
BETA_RS = NOMINAL.beta_rs_q16 / 65536
VTH_V = NOMINAL.vth_uv * 1e-6
MIN_U = 1e-3
"""Below this the transistor hardly conducts; the law is continued from here so that its logarithm stays finite."""


@dataclass(frozen=True, eq=False)
class Law:
    """Law of N neurons.

    Attributes:
        parameters: (N, 4) float64: scale, shape, vth_shift in volt, bow in codes.
        gain_q12: (256,) uint16, the image's nominal gain table.
    """

    parameters: FloatArray
    gain_q12: NDArray[np.uint16]

    def log_gain(self, codes: FloatArray) -> FloatArray:
        """ln G at `codes`, (N, D) float64 or (D,), which need not be whole; (N, D)."""
        return log_gain_at(self.parameters, AtCodes.of(codes, self.gain_q12))

    def gradient(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """ln G, (N, D), and its derivatives by the four parameters, (N, D, 4), at `codes` (N, D)."""
        return gradient_at(self.parameters, AtCodes.of(codes, self.gain_q12))


@dataclass(frozen=True, eq=False)
class AtCodes:
    """What the law needs of the codes alone, so that a fit computes it once; all of the shape of `codes`.

    Attributes:
        codes: float64, need not be whole.
        log_base: ln of table gain over nominal current: 0 up to rounding and a constant where the table is the law's
            own.
        bulge: shift of a code by a bow of one code.
    """

    codes: FloatArray
    log_base: FloatArray
    bulge: FloatArray

    @classmethod
    def of(cls, codes: FloatArray, gain_q12: NDArray[np.uint16]) -> AtCodes:
        nominal = _log_f(BETA_RS * (_supply_v(codes) - VTH_V))[0]
        return cls(codes, log_nominal_gain(gain_q12, codes) - nominal, 4 * codes * (255 - codes) / 255**2)

    def of_rows(self, rows: NDArray[np.int64]) -> AtCodes:
        """The same of some neurons only."""
        return AtCodes(self.codes[rows], self.log_base[rows], self.bulge[rows])


def log_gain_at(parameters: FloatArray, at: AtCodes) -> FloatArray:
    """ln G, (N, D), of N neurons with `parameters` (N, 4)."""
    scale, u, _ = _overdrive(parameters, at)
    return scale + _log_f(u)[0] + at.log_base


def gradient_at(parameters: FloatArray, at: AtCodes) -> tuple[FloatArray, FloatArray]:
    """ln G, (N, D), and its derivatives by the four parameters, (N, D, 4)."""
    scale, u, steepness = _overdrive(parameters, at)
    log_f, slope = _log_f(u)
    by_parameter = np.empty((*u.shape, N_PARAMETERS))
    by_parameter[..., 0] = 1.0
    by_parameter[..., 1] = slope * u
    slope *= steepness
    by_parameter[..., 2] = -slope
    by_parameter[..., 3] = slope * at.bulge * (1e-6 * VDD_SPAN_UV / 255)
    return scale + log_f + at.log_base, by_parameter


def log_nominal_gain(gain_q12: NDArray[np.uint16], codes: FloatArray) -> FloatArray:
    """ln of the nominal gain at `codes`, any shape, between whole codes along the table."""
    return np.log(np.maximum(np.interp(codes, np.arange(256), gain_q12 / ONE_Q12), 1e-6))


def _supply_v(codes: FloatArray) -> FloatArray:
    return 1e-6 * (VDD_MIN_UV + VDD_SPAN_UV * codes / 255)


def _log_f(u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """ln F(u) and its derivative by u; below MIN_U along the tangent."""
    bounded = np.maximum(u, MIN_U)
    root = np.sqrt(2 * bounded + 1)
    # u + 1 - root, without the cancellation at small u.
    value = bounded * bounded / (bounded + 1 + root)
    slope = (1 - 1 / root) / value
    return np.log(value) + slope * (u - bounded), slope


def _overdrive(parameters: FloatArray, at: AtCodes) -> tuple[FloatArray, FloatArray, FloatArray]:
    """scale (N, 1), u (N, D) and the derivative of u by the supply (N, 1)."""
    scale, shape, vth, bow = (parameters[:, k : k + 1] for k in range(N_PARAMETERS))
    steepness = BETA_RS * np.exp(shape)
    return scale, steepness * (_supply_v(at.codes + bow * at.bulge) - VTH_V - vth), steepness
