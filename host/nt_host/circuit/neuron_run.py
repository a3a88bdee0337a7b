"""Neurons in the circuit simulator: many independent ones per process, spikes counted from the traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.circuit import netlist
from nt_host.circuit.netlist import Neuron
from nt_host.circuit.ngspice import simulate
from nt_host.circuit.patterns import Pattern
from nt_model.devices import DEVICES

FloatArray = NDArray[np.float64]
PATTERNS_PER_PROCESS = 20
SPIKE_V = 0.5
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class NeuronTrace:
    """What the circuit did: `time_s` (S,), `membrane_v` (S,) and `spike_v` (S,) float64."""

    time_s: FloatArray
    membrane_v: FloatArray
    spike_v: FloatArray

    @property
    def rises_s(self) -> FloatArray:
        """Times of the spikes' rising edges, second."""
        high = self.spike_v > SPIKE_V
        return self.time_s[1:][high[1:] & ~high[:-1]]

    @property
    def spikes(self) -> int:
        """Number of spikes."""
        return len(self.rises_s)


def pattern_lines(pattern: Pattern, name: str) -> tuple[Neuron, list[str]]:
    """(neuron, its lines of netlist with its own inputs) of a pattern."""
    inputs = [f"in_{name}_{j}" for j in range(len(pattern.weight))]
    synapses = tuple((node, int(weight)) for node, weight in zip(inputs, pattern.weight, strict=True))
    neuron = Neuron(name, pattern.vdd_uv * 1e-6, synapses, DEVICES.synapse.reference_per_lsb)
    lines = [
        netlist.event_source(DEVICES, node, pattern.train[:, j], pattern.delay[:, j]) for j, node in enumerate(inputs)
    ]
    return neuron, lines + netlist.neuron_lines(DEVICES, neuron)


def run_neurons(lines: Sequence[str], neurons: Sequence[Neuron], steps: int, title: str) -> list[NeuronTrace]:
    """One process: the circuit `lines` over `steps` time steps, traces of `neurons`; raises as `simulate`."""
    nodes = [node for neuron in neurons for node in (neuron.membrane, neuron.spike)]
    source = [*netlist.header(DEVICES, title), *lines, *netlist.transient(DEVICES, steps, nodes)]
    found = simulate(netlist.text(source))
    return [
        NeuronTrace(found.axis, found.values[f"v({each.membrane})"], found.values[f"v({each.spike})"])
        for each in neurons
    ]


def run_patterns(
    patterns: Sequence[Pattern], on_progress: OnProgress = lambda done, total, note: None
) -> list[NeuronTrace]:
    """Traces of `patterns`, all of the same number of steps, PATTERNS_PER_PROCESS to a process."""
    traces: list[NeuronTrace] = []
    for start in range(0, len(patterns), PATTERNS_PER_PROCESS):
        on_progress(start, len(patterns), "patterns in ngspice")
        batch = patterns[start : start + PATTERNS_PER_PROCESS]
        built = [pattern_lines(pattern, f"n{start + i}") for i, pattern in enumerate(batch)]
        lines = [line for _, own in built for line in own]
        neurons = [neuron for neuron, _ in built]
        traces += run_neurons(lines, neurons, len(batch[0].train), f"patterns from {start}")
    on_progress(len(patterns), len(patterns), "patterns in ngspice")
    return traces
