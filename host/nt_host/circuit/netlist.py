"""Netlists of the synapse mirror and of the neuron, written from the device parameters.

Transistors are level 1 without channel-length modulation and without capacities, so that the square law of the gain
law is exact as long as a device is saturated. The final sources and sinks are WIDE times the reference device and so
saturate at small voltages: the sinks must work from a membrane at 250 mV while the reference diode's overdrive
reaches 370 mV. Comparator and one-shot of the neuron are ideal switches, and the pseudo-resistor is its resistance:
what is tested is the synapses' current and the membrane's charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.devices import Devices

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
WIDE = 64.0
EDGE_S = 0.1e-9
MAX_STEP_S = 1e-9
SETTLE_S = 2e-9
COMPARATOR_HYSTERESIS_V = 0.02
RESET_OHM = 40e3
TIMER_F = 100e-15
"""The one-shot: a capacitor filled to 1 V in 0.1 ns, whose decay to 0.5 V is the spike."""


@dataclass(frozen=True)
class Neuron:
    """One neuron of a netlist.

    Attributes:
        name: letters and digits, unique in the netlist.
        vdd_v: supply of its domain, volt.
        synapses: (node that carries the event as 0 or 1 V, weight -7..7) of each synapse.
        reference_per_lsb: ratio of reference to LSB current.
    """

    name: str
    vdd_v: float
    synapses: tuple[tuple[str, int], ...]
    reference_per_lsb: float

    @property
    def membrane(self) -> str:
        """Node of the membrane."""
        return f"mem_{self.name}"

    @property
    def spike(self) -> str:
        """Node that stands above 0.5 V while the neuron spikes."""
        return f"spk_{self.name}"


def header(devices: Devices, title: str) -> list[str]:
    """Title, models and the rails that all circuits share."""
    mirror, neuron = devices.mirror, devices.neuron
    kp = mirror.beta / devices.synapse.reference_per_lsb
    vth = mirror.vth_mv * 1e-3
    fire = neuron.threshold_mv * 1e-3 - COMPARATOR_HYSTERESIS_V / 2
    return [
        f"* {title}",
        f".model nref nmos level=1 vto={vth!r} kp={kp!r} lambda=0 gamma=0",
        f".model pref pmos level=1 vto={-vth!r} kp={kp!r} lambda=0 gamma=0",
        ".model swevent sw vt=0.5 vh=0 ron=1k roff=1e13",
        f".model swfire sw vt={fire!r} vh={COMPARATOR_HYSTERESIS_V / 2!r} ron=1k roff=1e13",
        f".model swreset sw vt=0.5 vh=0 ron={RESET_OHM!r} roff=1e13",
        f"vrail rail 0 {devices.power.rail_mv * 1e-3!r}",
        f"vrest rest 0 {neuron.rest_mv * 1e-3!r}",
        "vone one 0 1",
    ]


def _mosfet(name: str, drain: str, gate: str, source: str, model: str, width: float) -> str:
    return f"m{name} {drain} {gate} {source} {source} {model} w={width * 1e-6!r} l=1e-6"


def reference(devices: Devices, name: str, vdd: str, reference_per_lsb: float) -> list[str]:
    """Reference branch at supply node `vdd` and its two bias lines: `p_<name>` for sources, `n_<name>` for sinks.

    The diode is as wide as the gain law's beta asks; its copy carries one LSB.
    """
    unit = devices.synapse.reference_per_lsb
    lsb = unit / reference_per_lsb
    return [
        f"r{name} {vdd} d_{name} {devices.mirror.rs_ohm!r}",
        _mosfet(f"d{name}", f"d_{name}", f"d_{name}", "0", "nref", unit),
        _mosfet(f"c{name}", f"p_{name}", f"d_{name}", "0", "nref", lsb),
        _mosfet(f"p{name}", f"p_{name}", f"p_{name}", "rail", "pref", WIDE),
        _mosfet(f"q{name}", f"n_{name}", f"p_{name}", "rail", "pref", WIDE),
        _mosfet(f"n{name}", f"n_{name}", f"n_{name}", "0", "nref", WIDE),
    ]


def source(name: str, reference_name: str, drain: str, source_lsb: int, sign: int) -> str:
    """One binary-scaled source (`sign` > 0, from the rail) or sink (`sign` < 0, to ground) of `source_lsb`."""
    if sign > 0:
        return _mosfet(name, drain, f"p_{reference_name}", "rail", "pref", WIDE * source_lsb)
    return _mosfet(name, drain, f"n_{reference_name}", "0", "nref", WIDE * source_lsb)


def _synapse(devices: Devices, neuron: Neuron, index: int, event: str, weight: int) -> list[str]:
    lines = []
    for source_lsb in devices.synapse.sources_lsb:
        if abs(weight) & source_lsb:
            name = f"{neuron.name}_{index}_{source_lsb}"
            lines.append(source(f"s{name}", neuron.name, f"x_{name}", source_lsb, weight))
            lines.append(f"se{name} x_{name} {neuron.membrane} {event} 0 swevent off")
    return lines


def neuron_lines(devices: Devices, neuron: Neuron) -> list[str]:
    """The whole neuron: supply, reference branch, synapses, membrane, leak, comparator and one-shot."""
    name, at = neuron.name, devices.neuron
    rest = at.rest_mv * 1e-3
    decay_ohm = at.spike_ns * 1e-9 / (TIMER_F * np.log(2.0))
    lines = [f"vd{name} v_{name} 0 {neuron.vdd_v!r}"]
    lines += reference(devices, name, f"v_{name}", neuron.reference_per_lsb)
    for index, (event, weight) in enumerate(neuron.synapses):
        lines += _synapse(devices, neuron, index, event, weight)
    return [
        *lines,
        f"cm{name} {neuron.membrane} 0 {at.membrane_ff}f ic={rest!r}",
        f"rl{name} {neuron.membrane} rest {at.leak_mohm}meg",
        f"sf{name} one {neuron.spike} {neuron.membrane} 0 swfire off",
        f"ct{name} {neuron.spike} 0 {TIMER_F!r} ic=0",
        f"rt{name} {neuron.spike} 0 {float(decay_ohm)!r}",
        f"sr{name} {neuron.membrane} rest {neuron.spike} 0 swreset off",
    ]


def event_source(devices: Devices, node: str, train: BoolArray, delay: FloatArray | None = None) -> str:
    """Voltage source of an input: for each step with an event, `train` (T,) bool, a pulse of `event_ns` from 0 to 1 V
    at the step's beginning, or as late as `delay` (T,) says (see `Pattern`)."""
    points = ["0 0"]
    event_s, step_s = devices.synapse.event_ns * 1e-9, devices.neuron.step_s
    free_s = step_s - event_s - devices.neuron.spike_ns * 1e-9 - SETTLE_S
    for step in np.flatnonzero(train):
        late_s = 0.0 if delay is None else float(delay[step]) * free_s
        begin = float(step) * step_s + EDGE_S + late_s
        end = begin + event_s
        points += [f"{begin!r} 0", f"{begin + EDGE_S!r} 1", f"{end!r} 1", f"{end + EDGE_S!r} 0"]
    return f"ve{node} {node} 0 pwl({' '.join(points)})" if len(points) > 1 else f"ve{node} {node} 0 0"


def transient(devices: Devices, steps: int, nodes: Sequence[str]) -> list[str]:
    """Analysis over `steps` time steps from rest, saving the voltages of `nodes`."""
    end = steps * devices.neuron.step_s
    return [
        ".options method=gear",
        f".save {' '.join(f'v({node})' for node in nodes)}",
        f".tran {MAX_STEP_S!r} {end!r} 0 {MAX_STEP_S!r} uic",
        ".end",
    ]


def text(lines: Sequence[str]) -> str:
    """The netlist as ngspice reads it."""
    return "\n".join(lines) + "\n"
