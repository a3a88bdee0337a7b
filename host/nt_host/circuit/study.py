"""Study `circuit`: gain law, neuron and random patterns in ngspice beside the integers of the array."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nt_host.circuit.gain_check import GainCheck, check_gain
from nt_host.circuit.neuron_run import run_patterns
from nt_host.circuit.ngspice import ngspice_version
from nt_host.circuit.patterns import N_STEPS, model_answers, random_patterns
from nt_host.circuit.supply_sweep import SHOWN_MV, SUPPLIES_MV, SupplySweep, driven_rates_hz, sweep_supply
from nt_host.study.result import Check, Picture, StudyResult, StudyTable
from nt_model.devices import DEVICES

GAIN_TOLERANCE = 1e-3
EQUAL_SHARE = 0.95
MAX_DIFFERENCE = 1
N_PATTERNS = 200
RATE_TOLERANCE = 0.02
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Comparison:
    """Spike counts of circuit and golden model over patterns, and how many of these took the model's membrane below
    ground, where the circuit cannot follow."""

    circuit: tuple[int, ...]
    model: tuple[int, ...]
    below_ground: int

    @property
    def difference(self) -> list[int]:
        return [a - b for a, b in zip(self.circuit, self.model, strict=True)]

    @property
    def equal_share(self) -> float:
        """Share of patterns with equal counts, 0..1."""
        return float(np.mean([each == 0 for each in self.difference]))

    @property
    def worst(self) -> int:
        """Largest difference of a count."""
        return max(abs(each) for each in self.difference)

    @property
    def spiking(self) -> int:
        """Patterns in which the model spikes at all."""
        return sum(each > 0 for each in self.model)


def compare(count: int, seed: int, scattered: bool, on_progress: OnProgress) -> Comparison:
    """Random patterns through both; raises as `simulate`."""
    patterns = random_patterns(count, seed, scattered)
    answers = model_answers(patterns)
    traces = run_patterns(patterns, on_progress)
    return Comparison(
        tuple(trace.spikes for trace in traces),
        tuple(answer.spikes for answer in answers),
        sum(answer.lowest_v < 0 for answer in answers),
    )


def _checks(gain: GainCheck, sweep: SupplySweep, rates: list[float], on_time: Comparison) -> tuple[Check, ...]:
    low, high = (sweep.at(supply_mv) for supply_mv in SHOWN_MV)
    top_hz = DEVICES.max_rate_hz
    return (
        Check(
            "gain law against circuit, all sources and codes",
            f"within {GAIN_TOLERANCE:.0e}",
            f"{gain.worst_error:.1e}",
            gain.worst_error <= GAIN_TOLERANCE,
        ),
        Check(
            f"spikes at {SHOWN_MV[1]} mV above those at {SHOWN_MV[0]} mV, and equal to the model's",
            "more, equal",
            f"{high[0]} > {low[0]}; model {high[1]}, {low[1]}",
            high[0] > low[0] and (low[0], high[0]) == (low[1], high[1]),
        ),
        Check(
            "random patterns with equal spike counts",
            f">= {EQUAL_SHARE:.0%}",
            f"{on_time.equal_share:.1%} of {len(on_time.model)}",
            on_time.equal_share >= EQUAL_SHARE,
        ),
        Check(
            "largest difference of a spike count", f"<= {MAX_DIFFERENCE}", str(on_time.worst), on_time.worst <= 1
        ),
        Check(
            "highest rate, closed form against circuit",
            f"within {RATE_TOLERANCE:.0%}",
            f"{top_hz / 1e6:.3f} and {rates[-1] / 1e6:.3f} MHz",
            abs(rates[-1] / top_hz - 1) <= RATE_TOLERANCE,
        ),
    )  # fmt: skip


def _pattern_row(name: str, found: Comparison) -> tuple[str, ...]:
    return (
        name,
        str(len(found.model)),
        str(found.spiking),
        str(sum(found.model)),
        f"{found.equal_share:.1%}",
        str(found.worst),
        str(found.below_ground),
    )


def _tables(sweep: SupplySweep, rates: list[float], on_time: Comparison, scattered: Comparison) -> Any:
    by_supply = tuple(
        (str(supply_mv), str(circuit), str(model), f"{rate / 1e6:.3f}")
        for supply_mv, circuit, model, rate in zip(SUPPLIES_MV, sweep.circuit, sweep.model, rates, strict=True)
    )
    columns = ("events", "patterns", "that spike", "spikes", "equal counts", "worst difference", "below ground")
    return (
        StudyTable(
            "Random patterns: golden model against circuit",
            columns,
            (
                _pattern_row("at the beginning of their step", on_time),
                _pattern_row("anywhere in their step", scattered),
            ),
        ),
        StudyTable(
            "One input at every supply, and the rate under constant full drive",
            ("supply (mV)", "spikes, circuit", "spikes, model", "rate, circuit (MHz)"),
            by_supply,
        ),
    )


def _told(seed: int) -> tuple[str, ...]:
    return (
        f"Circuits by {ngspice_version()} in batch mode, netlists written from `nt_model/devices.toml`; how circuit "
        "time and charge become the model's integers is in [physics.md](physics.md).",
        f"A pattern is one neuron with four random synapses at a random code under {N_STEPS} steps of random events "
        f"(seed {seed}). The targets hold for events that begin with their step, as the model says. Events scattered "
        "over the step are no target: they show where the model ends, since a neuron that has spiked takes in what "
        "comes later in the same step, which the model's reset has thrown away.",
    )


def run_circuit_study(
    folder: Path, seed: int, count: int = N_PATTERNS, on_progress: OnProgress = lambda done, total, note: None
) -> StudyResult:
    """Run all circuits and draw the pictures into `folder`.

    Args:
        count: random patterns of each kind, at least 1.

    Raises:
        EnvironmentMissingError: ngspice is missing.
        SimulationError: it gave no result.
    """
    # Imported where they are used: matplotlib takes half a second to load.
    from nt_host.circuit.pictures import write_gain_picture, write_membrane_picture

    total = 2 * count + 2
    gain = check_gain()
    on_progress(1, total, "spikes against supply")
    sweep, rates = sweep_supply(), driven_rates_hz()
    on_time = compare(count, seed, False, lambda done, _, note: on_progress(2 + done, total, note))
    scattered = compare(count, seed, True, lambda done, _, note: on_progress(2 + count + done, total, note))
    write_gain_picture(folder / "circuit_gain.png", gain)
    write_membrane_picture(folder / "circuit_membrane.png", sweep)
    return StudyResult(
        "circuit",
        "Circuit: the mirror and the neuron in ngspice",
        _told(seed),
        _checks(gain, sweep, rates, on_time),
        _tables(sweep, rates, on_time, scattered),
        (
            Picture("circuit_gain.png", "The gain law's integers and the circuit's currents, and their difference."),
            Picture("circuit_membrane.png", "Membrane of one neuron under the same input at 550 and 750 mV."),
        ),
        {
            "devices": asdict(DEVICES),
            "seed": seed,
            "gain_worst_error": gain.worst_error,
            "reference_worst_error": gain.worst_reference_error,
            "supplies_mv": list(SUPPLIES_MV),
            "sweep_circuit": list(sweep.circuit),
            "sweep_model": list(sweep.model),
            "driven_rate_hz": rates,
            "patterns": asdict(on_time),
            "patterns_scattered": asdict(scattered),
        },
    )
