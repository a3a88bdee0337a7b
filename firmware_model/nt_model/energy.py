"""Estimated power and energy of the array from the device parameters: a documented model, not a measurement.

Four parts (docs/physics.md lists what is assumed): a neuron core draws a constant power from the rail; the reference
branch of each neuron part draws the gain law's current, delivered from the rail by the domain's DAC; the DAC itself
stands at a constant power; synapses draw their charge per event, and a spike switches a capacity at the domain's
supply. A core integrates for a shorter time at a higher supply, so its energy per spike falls as the supply rises,
to about 1 pJ at 1.0 V, where the rate is 3.3 MHz: the figures of Barton et al. 2022 (section 5, figure 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.devices import DEVICES, Devices
from nt_model.gain import ONE_Q12, supply_uv
from nt_model.image import CODE_DEFAULT, Image, Layer

FEMTO_PER_UNIT = 1e15
MICRO_PER_UNIT = 1e6
NANO = 1e-9
FloatArray = NDArray[np.float64]


def _rail_v(devices: Devices) -> float:
    return devices.power.rail_mv * 1e-3


def _supply_v() -> FloatArray:
    return np.asarray(supply_uv(np.arange(256, dtype=np.int64)) * 1e-6, np.float64)


def reference_w(gain: NDArray[np.uint16], devices: Devices = DEVICES) -> FloatArray:
    """Power of one reference branch at each code of a gain table (256,) Q4.12, watt, (256,): its current, which the
    DAC takes from the rail."""
    anchor_a = devices.mirror.current_a(devices.supply_v(CODE_DEFAULT))
    return anchor_a * gain.astype(np.float64) / ONE_Q12 * _rail_v(devices)


def _drive_a(gain: NDArray[np.uint16], devices: Devices) -> FloatArray:
    """Current of one synapse of full weight at each code, ampere."""
    lsb_a = reference_w(gain, devices) / _rail_v(devices) / devices.synapse.reference_per_lsb
    return np.asarray(sum(devices.synapse.sources_lsb) * lsb_a, np.float64)


def rate_hz(gain: NDArray[np.uint16], devices: Devices = DEVICES) -> FloatArray:
    """Spikes per second of a neuron with one synapse of full weight always on, hertz, at each code, (256,)."""
    neuron = devices.neuron
    drive_v = _drive_a(gain, devices) * neuron.leak_mohm * 1e6
    integrate_s = -neuron.leak_s * np.log1p(-neuron.swing_v / drive_v)
    return np.asarray(1.0 / (integrate_s + neuron.spike_ns * NANO), np.float64)


def spike_energy_fj(gain: NDArray[np.uint16], devices: Devices = DEVICES) -> FloatArray:
    """Energy of a neuron per spike with one synapse of full weight always on, femtojoule, at each code, (256,)."""
    standing_w = devices.power.core_nw * NANO + reference_w(gain, devices) + _drive_a(gain, devices) * _rail_v(devices)
    switched_j = devices.power.switched_ff * 1e-15 * _supply_v() ** 2
    return np.asarray((standing_w / rate_hz(gain, devices) + switched_j) * FEMTO_PER_UNIT, np.float64)


@dataclass(frozen=True)
class StandingPower:
    """Power that flows whether or not anything spikes, microwatt: neuron cores, reference branches, DACs."""

    core_uw: float
    reference_uw: float
    dac_uw: float

    @property
    def total_uw(self) -> float:
        return self.core_uw + self.reference_uw + self.dac_uw


def _branch_codes(layer: Layer, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Code of each reference branch of a layer: one per neuron, two where its parts have domains of their own."""
    split = layer.domain[:, 0] != layer.domain[:, 1]
    return np.concatenate([codes[layer.domain[:, 0]], codes[layer.domain[split, 1]]])


def standing_power(image: Image, codes: NDArray[np.uint8], devices: Devices = DEVICES) -> StandingPower:
    """Standing power of the array at `codes` (n_codes,) uint8: what a power budget bounds."""
    per_code = reference_w(image.gain, devices)
    reference = sum(float(per_code[_branch_codes(layer, codes)].sum()) for layer in image.layers)
    return StandingPower(
        image.n_neurons * devices.power.core_nw * NANO * MICRO_PER_UNIT,
        reference * MICRO_PER_UNIT,
        image.n_codes * devices.power.dac_nw * NANO * MICRO_PER_UNIT,
    )


@dataclass(frozen=True, eq=False)
class Activity:
    """What a sample makes happen, means over samples.

    Attributes:
        input_events: (M,) float64, events on each input over all T steps.
        spikes: one (N,) float64 per layer, spikes of each neuron over all T steps.
        sample_s: time that the array takes for it, second.
    """

    input_events: FloatArray
    spikes: tuple[FloatArray, ...]
    sample_s: float


def sample_time_s(image: Image, events: NDArray[np.uint8], devices: Devices = DEVICES) -> float:
    """Mean time of the samples `events` (B, T, M) uint8, second: a step lasts as the leak says, or longer where an
    input's events, one after the other, and a spike of each layer need it."""
    busiest = events.max(axis=2).astype(np.float64)
    needed_s = busiest * devices.synapse.event_ns * NANO + len(image.layers) * devices.neuron.spike_ns * NANO
    return float(np.maximum(needed_s, devices.neuron.step_s).sum(axis=1).mean())


def activity_of(
    image: Image, events: NDArray[np.uint8], counts: Sequence[NDArray[np.uint8]], devices: Devices = DEVICES
) -> Activity:
    """Activity of samples that were shown: `events` (B, T, M) uint8, `counts` one (B, N) uint8 per layer."""
    return Activity(
        events.sum(axis=1, dtype=np.int64).mean(axis=0),
        tuple(each.astype(np.float64).mean(axis=0) for each in counts),
        sample_time_s(image, events, devices),
    )


@dataclass(frozen=True)
class SampleEnergy:
    """Energy of one presented sample by part, femtojoule."""

    core_fj: float
    reference_fj: float
    dac_fj: float
    synapse_fj: float
    spike_fj: float

    @property
    def total_fj(self) -> float:
        return self.core_fj + self.reference_fj + self.dac_fj + self.synapse_fj + self.spike_fj


def _lsb_charge_c(layer: Layer, devices: Devices) -> float:
    """Charge of one weight LSB at gain 1: the neuron's charge to threshold over the layer's threshold (root mean
    square over its neurons, at least 1 LSB)."""
    threshold_lsb = float(np.sqrt(np.mean((layer.threshold_q8 / 256.0) ** 2)))
    return devices.neuron.threshold_c / max(1.0, threshold_lsb)


def _synapse_j(image: Image, layer: Layer, codes: NDArray[np.uint8], events: FloatArray, devices: Devices) -> float:
    weight = layer.weight.astype(np.float64)
    bias = layer.bias.astype(np.float64) * image.n_steps
    excitatory = np.maximum(weight, 0) @ events + np.maximum(bias, 0)
    inhibitory = np.maximum(-weight, 0) @ events + np.maximum(-bias, 0)
    gain = image.gain[codes[layer.domain]] / ONE_Q12
    lsb = excitatory @ gain[:, 0] + inhibitory @ gain[:, 1]
    return float(lsb) * _lsb_charge_c(layer, devices) * _rail_v(devices)


def sample_energy(
    image: Image, codes: NDArray[np.uint8], activity: Activity, devices: Devices = DEVICES
) -> SampleEnergy:
    """Energy of one presented sample at `codes` (n_codes,) uint8; between samples the array is taken to be off."""
    standing = standing_power(image, codes, devices)
    per_spike = devices.power.switched_ff * 1e-15 * _supply_v() ** 2
    synapse_j = spike_j = 0.0
    for layer, spikes, events in zip(
        image.layers, activity.spikes, (activity.input_events, *activity.spikes[:-1]), strict=True
    ):
        synapse_j += _synapse_j(image, layer, codes, events, devices)
        spike_j += float(per_spike[codes[layer.domain[:, 0]]] @ spikes)
    time_fj = activity.sample_s / MICRO_PER_UNIT * FEMTO_PER_UNIT
    return SampleEnergy(
        standing.core_uw * time_fj,
        standing.reference_uw * time_fj,
        standing.dac_uw * time_fj,
        synapse_j * FEMTO_PER_UNIT,
        spike_j * FEMTO_PER_UNIT,
    )


def code_write_fj(n_codes: int, devices: Devices = DEVICES) -> float:
    """Energy of writing `n_codes` DAC codes, femtojoule."""
    return n_codes * devices.power.dac_write_ff * 1e-15 * _rail_v(devices) ** 2 * FEMTO_PER_UNIT
