"""Estimated energy of the array: a documented model, not a measurement.

A neuron core draws a nearly constant power while its comparator decides; the time to a spike shrinks with the gain
of its domain, so the core's energy per spike falls as the supply rises, until the switched charge C V^2 of the
comparator and of the spike driver takes over. Constants are set so that the best point lies near 1 pJ and the
highest rate near 3.3 MHz, the figures of Barton et al. 2022 (section 5, figure 8); docs/design.md lists the
assumptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.gain import supply_uv
from nt_model.image import Image

FEMTO_PER_UNIT = 1e15


@dataclass(frozen=True)
class EnergyParams:
    """Constants of the model.

    Attributes:
        core_power_w: power of a neuron core while it integrates, watt.
        max_rate_hz: spike rate at code 255 with full input, hertz.
        switched_capacity_f: capacity charged and discharged per spike, farad.
        synapse_event_j: energy of one input event on one synapse at code 128, joule.
    """

    core_power_w: float = 2.4e-6
    max_rate_hz: float = 3.3e6
    switched_capacity_f: float = 250e-15
    synapse_event_j: float = 2e-15


DEFAULT = EnergyParams()


def spike_energy_fj(gain: NDArray[np.uint16], params: EnergyParams = DEFAULT) -> NDArray[np.float64]:
    """Energy of one spike at each code of a gain table (256,) Q4.12, femtojoule, (256,)."""
    rate = params.max_rate_hz * gain / gain[-1]
    supply_v = supply_uv(np.arange(256, dtype=np.int64)) * 1e-6
    return (params.core_power_w / rate + params.switched_capacity_f * supply_v**2) * FEMTO_PER_UNIT


def sample_energy_fj(
    image: Image,
    codes: NDArray[np.uint8],
    input_events: float,
    spikes: Sequence[NDArray[np.float64]],
    params: EnergyParams = DEFAULT,
) -> float:
    """Energy of one presented sample, femtojoule.

    Args:
        codes: (n_codes,) uint8.
        input_events: mean number of events on all inputs per sample, over all T steps.
        spikes: mean spike counts per sample, one (N,) array per layer.
    """
    per_code = spike_energy_fj(image.gain, params)
    events = [input_events, *(float(counts.sum()) for counts in spikes[:-1])]
    total = 0.0
    for layer, counts, incoming in zip(image.layers, spikes, events, strict=True):
        code = codes[layer.domain[:, 0]]
        synapses = incoming * params.synapse_event_j * FEMTO_PER_UNIT * image.gain[code].sum() / 4096
        total += float((per_code[code] * counts).sum()) + float(synapses)
    return total
