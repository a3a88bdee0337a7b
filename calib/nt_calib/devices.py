"""From fitted parameters to device parameters, with what the spikes cannot tell stated as uncertainty.

Spikes show gain over threshold alone (see `law`): shape = ln(beta Rs) and scale = -ln(beta Rs^2) - ln t hold three
unknowns, the relative beta, Rs and threshold t. The split takes the most likely one under the prior that beta and
Rs spread alike and thresholds half as much (docs/design.md, silicon); its standard deviations say how little is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.gain import NOMINAL

FloatArray = NDArray[np.float64]
PRIOR_SPREAD = np.array([0.2, 0.2, 0.1])
"""Of ln beta, ln Rs and ln t."""
_READ = np.array([[1.0, 1.0, 0.0], [-1.0, -2.0, -1.0]])
"""shape and scale as sums of the three."""


@dataclass(frozen=True, eq=False)
class DeviceEstimates:
    """Most likely devices of N neurons, all (N,) float64: `beta`, `rs` and `threshold` relative to nominal, `vth_mv`,
    and standard deviations of the same, prior included."""

    beta: FloatArray
    rs: FloatArray
    threshold: FloatArray
    vth_mv: FloatArray
    beta_sd: FloatArray
    rs_sd: FloatArray
    threshold_sd: FloatArray
    vth_sd_mv: FloatArray


def estimate_devices(parameters: FloatArray, parameter_sd: FloatArray) -> DeviceEstimates:
    """Device parameters from `parameters` (N, 4) and their standard deviations (N, 4)."""
    prior = np.diag(PRIOR_SPREAD**2)
    seen = np.stack((parameters[:, 1], parameters[:, 0]), axis=1)
    noise = np.stack((parameter_sd[:, 1], parameter_sd[:, 0]), axis=1) ** 2
    innovation = _READ @ prior @ _READ.T + noise[:, :, None] * np.eye(2)
    weight = np.einsum("ij,kj,nkl->nil", prior, _READ, np.linalg.inv(innovation))
    logs = np.einsum("nil,nl->ni", weight, seen)
    left = prior - np.einsum("nil,lj,jk->nik", weight, _READ, prior)
    sd = np.sqrt(np.maximum(np.einsum("nii->ni", left), 0.0))
    beta, rs, threshold = np.exp(logs).T
    return DeviceEstimates(
        beta,
        rs,
        threshold,
        NOMINAL.vth_uv * 1e-3 + parameters[:, 2] * 1e3,
        beta * sd[:, 0],
        rs * sd[:, 1],
        threshold * sd[:, 2],
        parameter_sd[:, 2] * 1e3,
    )
