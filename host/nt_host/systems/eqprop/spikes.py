"""The network's relaxation with spikes: between layers 1 to L nothing but 0 or 1 travels.

Every neuron has two variables. The trace v is a leaky integral of its drive, and it fires by error diffusion: a phase
f gathers rho(v), the neuron spikes where f reaches 1 and keeps the rest (an integrate-and-fire neuron with reset by
subtraction), so that the spikes' running mean follows rho(v) within one spike:

    f <- f + rho(v),   z = 1 where f >= 1 else 0,   f <- f - z,   v <- v + eps_t (u(z) - v),

with u of `network` in which every s is a spike z. The input x is a constant current by default; `input_spikes` makes
it spike by the same error diffusion. Falling eps_t: O'Connor, Gavves and Welling, "Training a spiking neural network
with equilibrium propagation", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nt_host.systems.eqprop.network import FloatArray, Network, Nudge, activity, input_drive

FIRST_PHASE = 0.5


@dataclass(frozen=True)
class Relaxation:
    """Steps of the free phase and of each nudged phase; eps_t = max(`slowest`, `fastest` / (1 + t / 2)), where t counts
    from the start of the free phase and goes on in the nudged ones."""

    free_steps: int = 16
    nudged_steps: int = 8
    fastest: float = 0.5
    slowest: float = 0.15

    def rate(self, t: int) -> float:
        """eps_t, 0..1."""
        return max(self.slowest, self.fastest / (1 + 0.5 * t))


@dataclass(frozen=True, eq=False)
class SpikingState:
    """Traces v and phases f of layers 1 to L, (B, n_k) float32 each."""

    traces: tuple[FloatArray, ...]
    phases: tuple[FloatArray, ...]

    @property
    def activities(self) -> list[FloatArray]:
        """rho(v) of every layer."""
        return [activity(trace) for trace in self.traces]


def rest(network: Network, n_samples: int) -> SpikingState:
    """Traces 0 and phases of one half: the first spike then rounds the rate, it does not floor it."""
    shapes = [(n_samples, len(bias)) for bias in network.biases]
    return SpikingState(
        tuple(np.zeros(shape, np.float32) for shape in shapes),
        tuple(np.full(shape, FIRST_PHASE, np.float32) for shape in shapes),
    )


def _fire(rate: FloatArray, phase: FloatArray, spikes: FloatArray) -> None:
    phase += rate
    np.greater_equal(phase, 1, out=spikes)
    phase -= spikes


def _add_feedback_and_nudge(
    drive: FloatArray, network: Network, spikes: Sequence[FloatArray], k: int, nudge: Nudge | None
) -> None:
    if k < len(spikes) - 1:
        drive += spikes[k + 1] @ network.weights[k + 1].T
    elif nudge is not None:
        drive += np.float32(nudge.strength) * (nudge.target - spikes[k])


def run_spiking(
    network: Network,
    from_input: FloatArray,
    start: SpikingState,
    eps: Sequence[float],
    nudge: Nudge | None = None,
    input_spikes: Sequence[FloatArray] | None = None,
) -> tuple[SpikingState, list[FloatArray]]:
    """Run one step per entry of `eps`; gives the state after it and the spike counts of layers 1 to L, (B, n_k).

    `from_input` (B, n_1) is `input_drive`; `input_spikes`, one (B, n_0) of 0 or 1 per step, replaces it.
    """
    traces = [trace.copy() for trace in start.traces]
    phases = [phase.copy() for phase in start.phases]
    spikes = [np.empty_like(trace) for trace in traces]
    counts = [np.zeros_like(trace) for trace in traces]
    for step, rate in enumerate(eps):
        for trace, phase, spike, count in zip(traces, phases, spikes, counts, strict=True):
            _fire(activity(trace), phase, spike)
            count += spike
        if input_spikes is not None:
            from_input = input_drive(network, input_spikes[step])
        for k, trace in enumerate(traces):
            drive = from_input - trace if k == 0 else spikes[k - 1] @ network.weights[k] + (network.biases[k] - trace)
            _add_feedback_and_nudge(drive, network, spikes, k, nudge)
            drive *= np.float32(rate)
            trace += drive
    return SpikingState(tuple(traces), tuple(phases)), counts


def diffused_spikes(x: FloatArray, n_steps: int) -> list[FloatArray]:
    """Input spikes of `x` (B, n_0) in 0..1 by error diffusion: one (B, n_0) of 0 or 1 per step."""
    phase = np.full_like(x, FIRST_PHASE)
    found = []
    for _ in range(n_steps):
        spike = np.empty_like(x)
        _fire(x, phase, spike)
        found.append(spike)
    return found


def free_phase(
    network: Network, x: FloatArray, how: Relaxation, *, spiking_input: bool = False
) -> tuple[SpikingState, list[FloatArray]]:
    """The free phase from rest on `x` (B, n_0); gives its end and the spike counts."""
    eps = [how.rate(t) for t in range(how.free_steps)]
    sent = diffused_spikes(x, how.free_steps) if spiking_input else None
    return run_spiking(network, input_drive(network, x), rest(network, len(x)), eps, input_spikes=sent)


def nudged_phase(
    network: Network, from_input: FloatArray, free: SpikingState, how: Relaxation, nudge: Nudge
) -> SpikingState:
    """The end of a nudged phase that starts where the free one ended."""
    eps = [how.rate(how.free_steps + t) for t in range(how.nudged_steps)]
    return run_spiking(network, from_input, free, eps, nudge)[0]
