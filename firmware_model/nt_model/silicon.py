"""Silicon model: a chip instance is a seed plus a process corner, and nothing but integers once drawn.

Each neuron has its own beta, Rs and Vth; each power domain its own DAC. The gain of a neuron at a code is the
nominal gain of that code times the ratio of the gain law with the neuron's devices to the nominal law, so that a
chip without spread has exactly the image's gain table whatever that table is. The shares of the spread follow from
the sensitivities of the law at code 128 (docs/design.md): beta and Rs each spread as much as the gain, Vth by
0.19 V times it, which adds up to the gain spread of the corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nt_model.corner import Corner
from nt_model.devices import DEVICES
from nt_model.gain import GAIN_MAX, NOMINAL, VDD_MIN_UV, VDD_SPAN_UV, current_q24, supply_uv
from nt_model.image import CODE_DEFAULT, Image, Layer
from nt_model.operating import GainTables, LayerOperating, Operating, nominal_leak_q16
from nt_model.random import draw64, normal_q16, uniform_q16

Int64Array = NDArray[np.int64]

ONE_Q16 = 65536
VTH_PER_GAIN_SPREAD_UV = DEVICES.spread.vth_uv_per_gain_spread
VTH_UV_PER_KELVIN = DEVICES.spread.vth_uv_per_kelvin
NOMINAL_TEMPERATURE_MK = DEVICES.spread.nominal_temperature_mk
SAMPLES_PER_EPOCH_LOG2 = 10
MAX_TEMPERATURE_OFFSET_MK = 40_000
MAX_SUPPLY_OFFSET_UV = 25_000

_STREAMS = {
    name: index
    for index, name in enumerate(
        (
            "beta",
            "rs",
            "vth",
            "threshold",
            "leak",
            "fault",
            "dac_offset",
            "dac_gain",
            "dac_inl",
            "dac_dnl",
            "noise",
            "drift",
        )
    )
}


@dataclass(frozen=True)
class Conditions:
    """Temperature and supply offsets from nominal (300 K, 1.0 V full scale), millikelvin and microvolt."""

    temperature_offset_mk: int = 0
    supply_offset_uv: int = 0


@dataclass(frozen=True, eq=False)
class NeuronDevices:
    """Drawn devices of one layer: `beta_q16`, `rs_q16` relative to nominal, `vth_uv`, all (N,) int64; the other
    fields go to the equations as they are (see `operating.LayerOperating`)."""

    beta_q16: Int64Array
    rs_q16: Int64Array
    vth_uv: Int64Array
    threshold_q8: NDArray[np.int32]
    leak_q16: NDArray[np.uint32]
    noise_q8: NDArray[np.uint16]
    fault: NDArray[np.int8]


def _stream(name: str, layer: int) -> int:
    return (layer << 8) | _STREAMS[name]


def _relative_q16(seed: int, name: str, layer: int, count: int, spread_ppm: int) -> Int64Array:
    """1 + spread * normal in Q16, (count,), never below 1/4."""
    offset = normal_q16(seed, _stream(name, layer), count) * spread_ppm // 1_000_000
    return np.maximum(ONE_Q16 + offset, ONE_Q16 // 4)


def _rms_threshold_q8(layer: Layer) -> int:
    """Root mean square of a layer's thresholds, Q23.8, at least 1 LSB: the scale of offsets and noise."""
    mean_square = float(np.mean(layer.threshold_q8.astype(np.float64) ** 2))
    return max(256, int(mean_square**0.5))


def _draw_threshold(seed: int, index: int, layer: Layer, corner: Corner) -> NDArray[np.int32]:
    spread_q8 = _rms_threshold_q8(layer) * corner.threshold_spread_ppm // 1_000_000
    offset = (normal_q16(seed, _stream("threshold", index), layer.n_neurons) * spread_q8) >> 16
    return np.clip(layer.threshold_q8 + offset, -(2**31), 2**31 - 1).astype(np.int32)


def _draw_fault(seed: int, index: int, neurons: int, corner: Corner) -> NDArray[np.int8]:
    level = uniform_q16(seed, _stream("fault", index), neurons) * 1_000_000 >> 16
    dead = level < corner.dead_ppm
    stuck = ~dead & (level < corner.dead_ppm + corner.stuck_ppm)
    return (stuck.astype(np.int8) - dead.astype(np.int8)).astype(np.int8)


def _draw_layer(seed: int, index: int, layer: Layer, corner: Corner) -> NeuronDevices:
    count = layer.n_neurons
    vth_spread_uv = VTH_PER_GAIN_SPREAD_UV * corner.gain_spread_ppm // 1_000_000
    vth = (
        NOMINAL.vth_uv + corner.vth_shift_uv + ((normal_q16(seed, _stream("vth", index), count) * vth_spread_uv) >> 16)
    )
    leak = nominal_leak_q16(layer.leak) * _relative_q16(seed, "leak", index, count, corner.leak_spread_ppm) >> 16
    noise_q8 = min(65535, _rms_threshold_q8(layer) * corner.noise_ppm // 1_000_000)
    return NeuronDevices(
        beta_q16=_relative_q16(seed, "beta", index, count, corner.gain_spread_ppm),
        rs_q16=_relative_q16(seed, "rs", index, count, corner.gain_spread_ppm),
        vth_uv=vth,
        threshold_q8=_draw_threshold(seed, index, layer, corner),
        leak_q16=np.minimum(leak, ONE_Q16).astype(np.uint32),
        noise_q8=np.full(count, noise_q8, np.uint16),
        fault=_draw_fault(seed, index, count, corner),
    )


@dataclass(frozen=True, eq=False)
class Dac:
    """DAC of every power domain: `offset_mlsb`, `inl_mlsb` (C,) int64, `gain_q16` (C,), `dnl_mlsb` (C, 256)."""

    offset_mlsb: Int64Array
    gain_q16: Int64Array
    inl_mlsb: Int64Array
    dnl_mlsb: Int64Array

    def supply_uv(self, codes: NDArray[np.uint8]) -> Int64Array:
        """Supply of each domain at its code, microvolt, (..., C); `codes` is (..., C) uint8."""
        code = codes.astype(np.int64)
        bow = self.inl_mlsb * 4 * code * (255 - code) // (255 * 255)
        step_error = self.dnl_mlsb[np.arange(code.shape[-1]), codes]
        mlsb = ((code * 1000 * self.gain_q16) >> 16) + self.offset_mlsb + bow + step_error
        exact = (self.gain_q16 == ONE_Q16) & (self.offset_mlsb == 0) & (bow == 0) & (step_error == 0)
        return np.where(exact, supply_uv(code), VDD_MIN_UV + mlsb * VDD_SPAN_UV // 255_000)


def _draw_dac(seed: int, domains: int, corner: Corner) -> Dac:
    def normal(name: str, count: int, sigma: int) -> Int64Array:
        return (normal_q16(seed, _stream(name, 0xFFFF), count) * sigma) >> 16

    return Dac(
        offset_mlsb=normal("dac_offset", domains, corner.dac_offset_mlsb),
        gain_q16=_relative_q16(seed, "dac_gain", 0xFFFF, domains, corner.dac_gain_ppm),
        inl_mlsb=normal("dac_inl", domains, corner.dac_inl_mlsb),
        dnl_mlsb=normal("dac_dnl", domains * 256, corner.dac_dnl_mlsb).reshape(domains, 256),
    )


@dataclass(frozen=True, eq=False)
class Silicon:
    """One chip: `image` burnt into the die drawn from `seed` at `corner`."""

    image: Image
    corner: Corner
    seed: int
    neurons: tuple[NeuronDevices, ...]
    dac: Dac

    @classmethod
    def draw(cls, image: Image, corner: Corner, seed: int) -> Silicon:
        """Draw the chip of `seed` (0 <= seed < 2^64); the same arguments give the same chip everywhere."""
        neurons = tuple(_draw_layer(seed, i, layer, corner) for i, layer in enumerate(image.layers))
        return cls(image, corner, seed, neurons, _draw_dac(seed, image.n_codes, corner))

    @property
    def uid(self) -> int:
        """64-bit unique id that the chip reports."""
        text = int.from_bytes(self.corner.name.encode()[:8], "little")
        return int(draw64(self.seed, 0x5EED, np.array([text & (2**63 - 1)], np.int64))[0])

    @cached_property
    def _drift_slopes_q16(self) -> tuple[int, int]:
        slope = np.clip(normal_q16(self.seed, _stream("drift", 0xFFFF), 2), -ONE_Q16, ONE_Q16)
        return int(slope[0]), int(slope[1])

    def conditions_at(self, samples_presented: int) -> Conditions:
        """Drift: straight lines in temperature and supply, each chip with slopes of its own, in steps of 1024
        samples and bounded to 40 K and 25 mV."""
        epoch = samples_presented >> SAMPLES_PER_EPOCH_LOG2
        by_temperature, by_supply = self._drift_slopes_q16
        temperature = by_temperature * self.corner.temperature_drift_mk * epoch >> 16
        supply = by_supply * self.corner.supply_drift_uv * epoch >> 16
        return Conditions(
            max(-MAX_TEMPERATURE_OFFSET_MK, min(MAX_TEMPERATURE_OFFSET_MK, temperature)),
            max(-MAX_SUPPLY_OFFSET_UV, min(MAX_SUPPLY_OFFSET_UV, supply)),
        )

    def operating(self, codes: NDArray[np.uint8], conditions: Conditions = Conditions()) -> Operating:
        """Operating point at `codes` (n_codes,) uint8 under `conditions`."""
        supply = self.dac.supply_uv(codes) + conditions.supply_offset_uv
        return Operating(
            tuple(
                self._layer_operating(layer, devices, codes, supply, conditions)
                for layer, devices in zip(self.image.layers, self.neurons, strict=True)
            )
        )

    def gain_tables(self, conditions: Conditions = Conditions()) -> GainTables:
        """Operating points at all codes under `conditions`: a look-up gives what `operating` computes."""
        every = np.repeat(np.arange(256, dtype=np.uint8)[:, None], self.image.n_codes, axis=1)
        supply = self.dac.supply_uv(every) + conditions.supply_offset_uv
        tables = tuple(
            _gain_table_q12(layer, devices, self.image.gain, supply, conditions)
            for layer, devices in zip(self.image.layers, self.neurons, strict=True)
        )
        base = self.operating(every[CODE_DEFAULT], conditions)
        return GainTables(base, tables, tuple(layer.domain for layer in self.image.layers))

    def _layer_operating(
        self, layer: Layer, devices: NeuronDevices, codes: NDArray[np.uint8], supply: Int64Array, conditions: Conditions
    ) -> LayerOperating:
        gain = _device_gain_q12(devices, self.image.gain, codes[layer.domain], supply[layer.domain], conditions)
        return LayerOperating(
            gain_q12=gain,
            threshold_q8=devices.threshold_q8,
            leak_q16=devices.leak_q16,
            noise_q8=devices.noise_q8,
            noise_seed=int(draw64(self.seed, _STREAMS["noise"], 0)[()]),
            fault=devices.fault,
        )


def _gain_table_q12(
    layer: Layer, devices: NeuronDevices, table: NDArray[np.uint16], supply_uv: Int64Array, at: Conditions
) -> NDArray[np.uint16]:
    """Gains at all codes, (256, N, 2) uint16 Q4.12, from the supplies (256, C) of all domains."""
    shared = (layer.domain[:, 0] == layer.domain[:, 1]).all()
    codes = np.arange(256, dtype=np.uint8)[:, None, None]
    domain = layer.domain[:, :1] if shared else layer.domain
    gain = _device_gain_q12(devices, table, codes, supply_uv[:, domain], at)
    return np.repeat(gain, 2, axis=2) if shared else gain


def _device_gain_q12(
    devices: NeuronDevices, table: NDArray[np.uint16], code: NDArray[np.uint8], vdd_uv: Int64Array, at: Conditions
) -> NDArray[np.uint16]:
    """Gain of each part of each neuron, (..., N, 2) uint16 Q4.12: nominal gain times own current over nominal current.

    `code` and the supply `vdd_uv` are (..., N, 2), or what broadcasts to it.
    """
    beta_rs = (NOMINAL.beta_rs_q16 * devices.beta_q16 >> 16) * devices.rs_q16 >> 16
    cooling = ONE_Q16 - ONE_Q16 * 3 * at.temperature_offset_mk // (2 * NOMINAL_TEMPERATURE_MK)
    vth = devices.vth_uv + VTH_UV_PER_KELVIN * at.temperature_offset_mk // 1000
    own = current_q24(vdd_uv, vth[:, None], (beta_rs * cooling >> 16)[:, None])
    nominal = current_q24(supply_uv(code.astype(np.int64)), np.array(NOMINAL.vth_uv), np.array(NOMINAL.beta_rs_q16))
    # The current is f(u) / (beta Rs^2): what f does not see is the change of 1 / (beta Rs^2).
    beta_rs2 = (devices.beta_q16 * cooling >> 16) * devices.rs_q16 >> 16
    beta_rs2 = np.maximum(beta_rs2 * devices.rs_q16 >> 16, 1)
    scale_q16 = (ONE_Q16 * ONE_Q16 // beta_rs2)[:, None]
    gain = (table[code].astype(np.int64) * own // nominal * scale_q16 + ONE_Q16 // 2) >> 16
    return np.clip(gain, 0, GAIN_MAX).astype(np.uint16)
