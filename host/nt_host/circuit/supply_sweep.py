"""Spikes against supply for the same input, and the rate of a neuron that is driven all the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nt_host.circuit import netlist
from nt_host.circuit.netlist import Neuron
from nt_host.circuit.neuron_run import NeuronTrace, run_neurons, run_patterns
from nt_host.circuit.patterns import Pattern, model_answer
from nt_model.devices import DEVICES

SHOWN_MV = (550, 750)
SUPPLIES_MV = tuple(range(500, 1001, 50))
SWEEP_STEPS = 40
SWEEP_WEIGHTS = (7, 7)
RATE_STEPS = 40


@dataclass(frozen=True, eq=False)
class SupplySweep:
    """One input at every supply of SUPPLIES_MV: spikes of circuit and golden model, and the circuit's traces."""

    circuit: tuple[int, ...]
    model: tuple[int, ...]
    traces: tuple[NeuronTrace, ...]

    def at(self, supply_mv: int) -> tuple[int, int, NeuronTrace]:
        """(circuit's spikes, model's spikes, trace) at a supply of SUPPLIES_MV."""
        index = SUPPLIES_MV.index(supply_mv)
        return self.circuit[index], self.model[index], self.traces[index]


def sweep_input() -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(T, 2) bool: one synapse with an event at every second step, one at every third."""
    step = np.arange(SWEEP_STEPS)
    return np.stack([step % 2 == 0, step % 3 == 0], axis=1)


def sweep_supply() -> SupplySweep:
    """The same two trains into two synapses of full weight, at each supply; raises as `simulate`."""
    weight, train = np.array(SWEEP_WEIGHTS, np.int8), sweep_input()
    patterns = [Pattern.on_time(weight, 1000 * supply_mv, train) for supply_mv in SUPPLIES_MV]
    traces = tuple(run_patterns(patterns))
    model = tuple(model_answer(pattern).spikes for pattern in patterns)
    return SupplySweep(tuple(trace.spikes for trace in traces), model, traces)


def driven_rates_hz() -> list[float]:
    """Rate of a neuron with one synapse of full weight always on, hertz, at each supply of SUPPLIES_MV: from the first
    spike to the last one, 0 where fewer than two."""
    weight = sum(DEVICES.synapse.sources_lsb)
    neurons = [
        Neuron(f"r{supply_mv}", supply_mv * 1e-3, (("one", weight),), DEVICES.synapse.reference_per_lsb)
        for supply_mv in SUPPLIES_MV
    ]
    lines = [line for neuron in neurons for line in netlist.neuron_lines(DEVICES, neuron)]
    rates = []
    for trace in run_neurons(lines, neurons, RATE_STEPS, "neurons driven all the time"):
        rises = trace.rises_s
        rates.append(0.0 if len(rises) < 2 else float((len(rises) - 1) / (rises[-1] - rises[0])))
    return rates
