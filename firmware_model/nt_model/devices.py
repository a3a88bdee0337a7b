"""Device parameters of the array, read from `devices.toml`, and what follows from them in SI units.

How circuit time and charge map to the integers of the array (docs/physics.md): a time step of the model is as long as
the leak takes to lose the share 2^-leak_shift, an event is a pulse of `event_ns`, and one weight LSB at gain 1 is the
charge that its source delivers in an event at code 128.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from importlib.resources import files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

SCHEMA = ("nt-devices", 1)


@dataclass(frozen=True)
class Supply:
    """Supply of a domain at code 0 and at code 255, millivolt."""

    lowest_mv: int
    highest_mv: int


@dataclass(frozen=True)
class Mirror:
    """NMOS diode with load `rs_kohm` (kiloohm); `beta_rs_per_v` is beta times that load, 1/V."""

    vth_mv: int
    beta_rs_per_v: int
    rs_kohm: int

    @property
    def rs_ohm(self) -> float:
        return self.rs_kohm * 1e3

    @property
    def beta(self) -> float:
        """A/V^2."""
        return self.beta_rs_per_v / self.rs_ohm

    def current_a(self, vdd_v: float) -> float:
        """Current of the reference branch, ampere: (u + 1 - sqrt(2u + 1)) / (beta Rs^2), 0 below threshold."""
        u = self.beta_rs_per_v * max(0.0, vdd_v - self.vth_mv * 1e-3)
        return (u + 1 - math.sqrt(2 * u + 1)) / (self.beta * self.rs_ohm**2)


@dataclass(frozen=True)
class Spread:
    """Spread and drift of a die: `vth_uv_per_gain_spread` is the threshold's share of a gain spread of 1."""

    nominal_temperature_mk: int
    vth_uv_per_gain_spread: int
    vth_uv_per_kelvin: int


@dataclass(frozen=True)
class Synapse:
    """Sources in LSB; the reference branch carries `reference_per_lsb` times an LSB; an event lasts `event_ns`."""

    sources_lsb: tuple[int, ...]
    reference_per_lsb: int
    event_ns: int


@dataclass(frozen=True)
class Neuron:
    """Membrane (femtofarad) at rest `rest_mv`, fires at `threshold_mv`; a spike lasts `spike_ns`; the leak is a
    resistance to rest; a time step loses 2^-`leak_shift` of the membrane through it."""

    membrane_ff: int
    rest_mv: int
    threshold_mv: int
    spike_ns: int
    leak_mohm: int
    leak_shift: int

    @property
    def leak_s(self) -> float:
        """Time constant of the leak, second."""
        return self.leak_mohm * 1e6 * self.membrane_ff * 1e-15

    @property
    def step_s(self) -> float:
        """Time step of the model, second."""
        return -self.leak_s * math.log1p(-(2.0**-self.leak_shift))

    @property
    def swing_v(self) -> float:
        """From rest to threshold, volt."""
        return (self.threshold_mv - self.rest_mv) * 1e-3

    @property
    def threshold_c(self) -> float:
        """Charge from rest to threshold, coulomb."""
        return self.membrane_ff * 1e-15 * self.swing_v


@dataclass(frozen=True)
class Power:
    """Rail (mV), neuron core (nW), capacity switched per spike (fF), DAC standing power (nW) and capacity that a
    code write charges (fF): assumptions, see docs/physics.md."""

    rail_mv: int
    core_nw: int
    switched_ff: int
    dac_nw: int
    dac_write_ff: int


@dataclass(frozen=True)
class Devices:
    """All device parameters."""

    supply: Supply
    mirror: Mirror
    spread: Spread
    synapse: Synapse
    neuron: Neuron
    power: Power

    def supply_v(self, code: float) -> float:
        """Supply of a domain at `code` 0..255, volt."""
        low, high = self.supply.lowest_mv, self.supply.highest_mv
        return (low + (high - low) * code / 255) * 1e-3

    def lsb_a(self, vdd_v: float, reference_per_lsb: float | None = None) -> float:
        """Current of one weight LSB at supply `vdd_v`, ampere."""
        ratio = self.synapse.reference_per_lsb if reference_per_lsb is None else reference_per_lsb
        return self.mirror.current_a(vdd_v) / ratio

    @property
    def event_c(self) -> float:
        """Charge that one weight LSB leaves on the membrane by the end of an event at code 128, coulomb."""
        leak_s, event_s = self.neuron.leak_s, self.synapse.event_ns * 1e-9
        return self.lsb_a(self.supply_v(128)) * leak_s * -math.expm1(-event_s / leak_s)

    @property
    def threshold_lsb(self) -> float:
        """Threshold of the neuron as drawn, weight LSB at code 128."""
        return self.neuron.threshold_c / self.event_c

    def reference_per_lsb_for(self, threshold_lsb: float) -> float:
        """Ratio of reference to LSB current that turns the neuron's fixed charge into a threshold of
        `threshold_lsb` > 0 weight LSB: how an image's threshold becomes a size of transistors."""
        return self.synapse.reference_per_lsb * threshold_lsb / self.threshold_lsb

    @property
    def max_rate_hz(self) -> float:
        """Spike rate at code 255 with one synapse of full weight always on, hertz."""
        drive_v = sum(self.synapse.sources_lsb) * self.lsb_a(self.supply_v(255)) * self.neuron.leak_mohm * 1e6
        integrate_s = -self.neuron.leak_s * math.log1p(-self.neuron.swing_v / drive_v)
        return 1.0 / (integrate_s + self.neuron.spike_ns * 1e-9)


def _read() -> Devices:
    table = tomllib.loads((files("nt_model") / "devices.toml").read_text(encoding="utf-8"))
    if (table["schema"], table["schema_version"]) != SCHEMA:
        raise ValueError(f"devices.toml is of schema {table['schema']} {table['schema_version']}, expected {SCHEMA}")
    synapse = {**table["synapse"], "sources_lsb": tuple(table["synapse"]["sources_lsb"])}
    return Devices(
        Supply(**table["supply"]),
        Mirror(**table["mirror"]),
        Spread(**table["spread"]),
        Synapse(**synapse),
        Neuron(**table["neuron"]),
        Power(**table["power"]),
    )


DEVICES = _read()
