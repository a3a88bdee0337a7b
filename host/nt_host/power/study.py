"""Study `power`: energy per spike against the supply, and energy saved against accuracy lost on the shipped image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from nt_host.power.trial import Setting, Trial, run_trial
from nt_host.spread import mean_and_spread, percent_over
from nt_host.study.result import Check, Picture, StudyResult, StudyTable
from nt_model.devices import DEVICES
from nt_model.energy import rate_hz, spike_energy_fj
from nt_model.gain import nominal_gain

DEFAULT_SEEDS = (0, 1, 2)
BUDGETS_UW = (1975.0, 1950.0, 1925.0, 1900.0, 1875.0, 1850.0, 1800.0)
FREE = Setting("no budget")
SETTINGS = (
    FREE,
    Setting("silent parked", park=True),
    *(Setting(f"{budget_uw:.0f} µW", budget_uw, park=True) for budget_uw in BUDGETS_UW),
)
BEST_PJ = (0.8, 1.2)
RATE_HZ = 3.3e6
RATE_TOLERANCE = 0.05
OnProgress = Callable[[int, int, str], None]


def _of(trials: Sequence[Trial], setting: Setting) -> list[Trial]:
    return [trial for trial in trials if trial.setting == setting.name]


def _row(trials: Sequence[Trial], setting: Setting) -> tuple[str, ...]:
    mine, free = _of(trials, setting), _of(trials, FREE)
    saved = [1 - one.inference_nj / other.inference_nj for one, other in zip(mine, free, strict=True)]
    of_reference = [1 - one.reference_uw / other.reference_uw for one, other in zip(mine, free, strict=True)]
    return (
        setting.name,
        f"{np.mean([trial.standing_uw for trial in mine]):,.0f}",
        f"{np.mean([trial.inference_nj for trial in mine]):.2f}",
        f"{100 * np.mean(saved):.1f}",
        f"{100 * np.mean(of_reference):.0f}",
        f"{np.mean([trial.lowest_codes for trial in mine]):.0f}",
        percent_over([trial.argmax for trial in mine]),
        percent_over([trial.strict for trial in mine]),
    )


COLUMNS = (
    "setting",
    "standing power (µW)",
    "energy per inference (nJ)",
    "saved (%)",
    "of the mirrors' share (%)",
    "domains at code 0",
    "argmax (%)",
    "strict (%)",
)


def _spike_table() -> StudyTable:
    energy, rate = spike_energy_fj(nominal_gain()), rate_hz(nominal_gain())
    codes = [round(255 * (supply_mv - 500) / 500) for supply_mv in range(500, 1001, 50)]
    rows = tuple(
        (f"{1e3 * DEVICES.supply_v(code):.0f}", f"{energy[code] / 1e3:.2f}", f"{rate[code] / 1e6:.2f}")
        for code in codes
    )
    columns = ("supply (mV)", "energy per spike (pJ)", "rate (MHz)")
    return StudyTable("One neuron under constant full drive", columns, rows)


def _budget_table(trials: Sequence[Trial]) -> StudyTable:
    rows = tuple(_row(trials, setting) for setting in SETTINGS)
    return StudyTable("Digits, tilted camera, 20 labels per class", COLUMNS, rows)


def power_checks(trials: Sequence[Trial]) -> tuple[Check, ...]:
    """The checks of the study: three of the energy model, one of the budgets that `trials` ran under."""
    energy_pj = spike_energy_fj(nominal_gain()) / 1e3
    top_hz = float(rate_hz(nominal_gain())[-1])
    bounded = [(setting, trial) for setting in SETTINGS if setting.budget_uw for trial in _of(trials, setting)]
    over = [trial.highest_uw - setting.budget_uw for setting, trial in bounded]
    return (
        Check(
            "energy per spike falls at every code as the supply rises",
            "always",
            f"{int((np.diff(energy_pj) < 0).sum())} of 255 steps fall",
            bool((np.diff(energy_pj) < 0).all()),
        ),
        Check(
            "energy per spike at its best supply",
            f"near 1 pJ ({BEST_PJ[0]} to {BEST_PJ[1]})",
            f"{energy_pj.min():.2f} pJ",
            BEST_PJ[0] <= float(energy_pj.min()) <= BEST_PJ[1],
        ),
        Check(
            "highest rate",
            f"3.3 MHz within {RATE_TOLERANCE:.0%}",
            f"{top_hz / 1e6:.2f} MHz",
            abs(top_hz / RATE_HZ - 1) <= RATE_TOLERANCE,
        ),
        Check(
            "power after any write, above the budget",
            "never",
            f"closest {-max(over):.2f} µW below, {len(over)} runs",
            max(over) <= 0,
        ),
    )


def run_power_study(
    folder: Path, seeds: Sequence[int] = DEFAULT_SEEDS, on_progress: OnProgress = lambda done, total, note: None
) -> StudyResult:
    """Adapt the shipped digits image under every setting, one chip per seed, and draw the pictures into `folder`."""
    # Imported where they are used: matplotlib takes half a second to load.
    from nt_host.power.pictures import BudgetPoint, write_budget_picture, write_spike_picture

    jobs = [(setting, seed) for setting in SETTINGS for seed in seeds]
    trials = []
    for done, (setting, seed) in enumerate(jobs):
        on_progress(done, len(jobs), f"{setting.name}, seed {seed}")
        trials.append(run_trial(setting, seed))
    write_spike_picture(folder / "power_spike.png", rate_hz(nominal_gain()).tolist())
    points = [
        BudgetPoint(
            setting.name,
            float(np.mean([trial.inference_nj for trial in _of(trials, setting)])),
            mean_and_spread([trial.argmax for trial in _of(trials, setting)]),
            mean_and_spread([trial.strict for trial in _of(trials, setting)]),
        )
        for setting in SETTINGS
    ]
    write_budget_picture(folder / "power_budget.png", points)
    return StudyResult(
        "power",
        "Energy: per spike, and saved against accuracy",
        _told(seeds),
        power_checks(trials),
        (_spike_table(), _budget_table(trials)),
        (
            Picture("power_spike.png", "Energy per spike and rate of one neuron against its supply (energy model)."),
            Picture("power_budget.png", "Accuracy against estimated energy per inference under power budgets."),
        ),
        {"seeds": list(seeds), "trials": [asdict(trial) for trial in trials]},
    )


def _told(seeds: Sequence[int]) -> tuple[str, ...]:
    return (
        "Energies are estimates of a model whose assumptions are listed in [physics.md](physics.md); nothing here was "
        "measured on silicon. The constant power of the cores and the capacity switched per spike are set so that "
        "energy and rate meet the paper's, so those two checks say that the model is consistent, not that it is right.",
        "The shipped digits image is adapted to the tilted camera with rule `dmn` on simulated chips of corner "
        f"`typical`, seeds {', '.join(map(str, seeds))} (mean ± standard deviation). Under a budget the quietest "
        "domains go to code 0, output neurons last, after every learning step; in the end silent domains are parked. "
        "*Saved* compares the energy of an inference with that of no budget on the same chip. Codes reach the "
        "reference branches of the mirrors alone; the next column tells what is saved of their power.",
    )
