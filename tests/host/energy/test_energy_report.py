"""Every eval and adapt reports estimated energy beside a CPU's and a GPU's; the figures are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nt_host.energy.digital import (
    CPU_FLOAT_MAC_PJ,
    GPU_FLOAT_MAC_PJ,
    inference_energy,
    tuning_step_energy,
    update_energy_nj,
)
from nt_host.energy.estimate import energy_lines, estimate_inference, estimate_step
from nt_host.power import study
from nt_host.power.study import FREE, SETTINGS, power_checks, run_power_study
from nt_host.power.trial import Setting, Trial
from nt_model.energy import activity_of, code_write_fj
from tests.host.conftest import RunCli, small_image


def records(text: str, kind: str) -> dict[str, object]:
    return next(each for each in map(json.loads, text.splitlines()) if each["kind"] == kind)


def test_digital_figures_are_per_multiplication() -> None:
    image = small_image()
    assert pytest.approx(14.6) == CPU_FLOAT_MAC_PJ
    assert pytest.approx(40.0) == GPU_FLOAT_MAC_PJ
    assert inference_energy(image).cpu_nj == pytest.approx(image.n_synapses * 14.6e-3)
    assert tuning_step_energy(image, 8).gpu_nj == pytest.approx(3 * 8 * image.n_synapses * 40e-3)
    assert update_energy_nj(image, 8) == pytest.approx(8 * image.layers[1].weight.size * 13.2e-3)


def test_a_dithered_step_costs_three_read_outs_and_three_writes() -> None:
    image = small_image()
    events = np.ones((4, 1, image.n_inputs), np.uint8)
    counts = [np.ones((4, layer.n_neurons), np.uint8) for layer in image.layers]
    one = estimate_inference(image, np.full(image.n_codes, 128, np.uint8), activity_of(image, events, counts))
    plain, dithered = (estimate_step(image, one, 8, each) for each in (False, True))
    assert dithered.array_nj == pytest.approx(3 * plain.array_nj)
    assert plain.array_nj == pytest.approx(8 * one.array_nj + code_write_fj(image.n_codes) * 1e-6)


def test_eval_reports_energy_in_text_and_json(digits_image: Path, cli: RunCli) -> None:
    chip = ("eval", "--port", "sim:typical,seed=7", "--image", digits_image, "--task", "digits")
    done = cli(*chip)
    assert "energy / inference" in done.stdout
    assert "CPU" in done.stdout
    energy = records(cli(*chip, "--json").stdout, "eval")["energy"]["inference"]  # type: ignore[index]
    assert 0 < energy["array_nj"] < energy["cpu_nj"]
    assert sum(energy["array_fj_by_part"].values()) == pytest.approx(energy["array_nj"] * 1e6)


def test_adapt_reports_energy_of_a_step_and_what_was_parked(digits_image: Path, cli: RunCli) -> None:
    task = ("--task", "digits", "--labels-per-class", "8", "--steps", "10", "--park-silent")
    done = cli("adapt", "--port", "sim:typical,seed=7", "--image", digits_image, *task, "--json")
    assert done.returncode == 0, done.stderr
    report = records(done.stdout, "adapt")
    assert report["parked_domains"] > 0  # type: ignore[operator]
    assert set(report["energy"]) == {"inference", "learning_step"}  # type: ignore[call-overload]
    assert report["energy"]["learning_step"]["array_nj"] > 16 * report["energy"]["inference"]["array_nj"]  # type: ignore[index]


def test_what_cannot_be_estimated_is_said() -> None:
    assert "not estimated" in energy_lines(None)[0][1]


def test_the_power_study_tells_a_budget_that_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: one write above its budget must fail the check."""

    def made(over_uw: float):  # type: ignore[no-untyped-def]
        def trial(setting: Setting, seed: int) -> Trial:
            highest_uw = setting.budget_uw + over_uw if setting.budget_uw else 0.0
            return Trial(setting.name, seed, 0.9, 0.8, 1900.0, 300.0, 18.0, 5, highest_uw)

        return trial

    monkeypatch.setattr(study, "run_trial", made(-1.0))
    good = run_power_study(tmp_path, (0, 1))
    assert all(check.met for check in good.checks)
    assert [row[0] for row in good.tables[1].rows] == [setting.name for setting in SETTINGS]
    assert good.tables[1].rows[0][3] == "0.0"
    assert FREE.budget_uw == 0
    left = power_checks([made(0.5)(setting, 0) for setting in SETTINGS])
    assert [check.met for check in left] == [True, True, True, False]
