"""The gain law against the circuit: every code's supply, every source of both signs, and all weights together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.circuit import netlist
from nt_host.circuit.ngspice import simulate
from nt_model.devices import DEVICES, Devices
from nt_model.gain import ONE_Q12, nominal_gain

FloatArray = NDArray[np.float64]
N_CODES = 256
ANCHOR_CODE = 128


@dataclass(frozen=True, eq=False)
class GainCheck:
    """Currents of the circuit over the codes, all float64.

    Attributes:
        supply_v: (256,) volt.
        reference_a: (256,) current of the reference branch, ampere.
        sources_a: (S, 256) current of each binary-scaled source into a membrane half-way to threshold, ampere; the
            sinks follow the sources, with their sign.
        source_lsb: (S,) signed LSB of each.
        law: (256,) nominal gain table, 1 at code 128.
    """

    supply_v: FloatArray
    reference_a: FloatArray
    sources_a: FloatArray
    source_lsb: NDArray[np.int64]
    law: FloatArray

    @property
    def circuit(self) -> FloatArray:
        """(S, 256) gain of each source: current relative to the weakest source's nominal share at code 128."""
        per_lsb = self.sources_a / self.source_lsb[:, None]
        return np.asarray(per_lsb / (self.reference_a[ANCHOR_CODE] / DEVICES.synapse.reference_per_lsb))

    @property
    def worst_error(self) -> float:
        """Largest |circuit / law - 1| over all sources and codes."""
        return float(np.abs(self.circuit / self.law - 1).max())

    @property
    def worst_reference_error(self) -> float:
        """Largest |circuit / closed form - 1| of the reference branch: what the simulator itself leaves."""
        exact = np.array([DEVICES.mirror.current_a(float(v)) for v in self.supply_v])
        return float(np.abs(self.reference_a / exact - 1).max())


def mirror_netlist(devices: Devices) -> tuple[str, list[tuple[str, int]]]:
    """(netlist that sweeps the supply over the codes, (ammeter, signed LSB) of each source)."""
    lines = netlist.header(devices, "synapse mirror with resistive load, supply swept over the codes")
    membrane_v = 0.5e-3 * (devices.neuron.rest_mv + devices.neuron.threshold_mv)
    lines += ["vsupply vdd 0 1", "vref vdd vload 0"]
    lines += netlist.reference(devices, "a", "vload", devices.synapse.reference_per_lsb)
    meters = []
    for sign in (1, -1):
        for source_lsb in devices.synapse.sources_lsb:
            meter = f"vm{'s' if sign > 0 else 'k'}{source_lsb}"
            lines.append(netlist.source(meter[1:], "a", f"y_{meter}", source_lsb, sign))
            lines.append(f"{meter} y_{meter} 0 {membrane_v!r}")
            meters.append((meter, sign * source_lsb))
    low, high = devices.supply.lowest_mv * 1e-3, devices.supply.highest_mv * 1e-3
    step = (high - low) / (N_CODES - 1)
    lines += [
        ".options reltol=1e-7 abstol=1e-18 vntol=1e-9 gmin=1e-20",
        f".save i(vref) {' '.join(f'i({meter})' for meter, _ in meters)}",
        f".dc vsupply {low!r} {high + step / 4!r} {step!r}",
        ".end",
    ]
    return netlist.text(lines), meters


def check_gain(devices: Devices = DEVICES) -> GainCheck:
    """Sweep the synapse mirror in ngspice; raises as `simulate`."""
    source, meters = mirror_netlist(devices)
    traces = simulate(source)
    return GainCheck(
        traces.axis,
        np.abs(traces.values["i(vref)"]),
        np.array([traces.values[f"i({meter})"] for meter, _ in meters]),
        np.array([lsb for _, lsb in meters], np.int64),
        nominal_gain().astype(np.float64) / ONE_Q12,
    )
