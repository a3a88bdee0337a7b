"""Experiments: cells are kept and taken up again, and the table says mean and spread."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nt_host.adapt.settings import AdaptSettings
from nt_host.adapt.stepper import check_rule
from nt_host.experiment import run as run_module
from nt_host.experiment.cell import RECALLED, Cell, run_cell
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import plan_named, result_name
from nt_host.experiment.result import ALL_DOMAINS, WORST_DOMAIN, read_result, rows, write_result
from nt_host.experiment.run import plan_image, run_experiment
from nt_host.images import packaged_image
from nt_host.pretrain.switched import SwitchSpec
from nt_host.readout import Accuracy
from nt_host.report.results_page import results_page
from nt_host.tasks import load_task
from nt_model.errors import UsageError
from nt_model.image_file import read_image

QUICK = Plan("digits", "digits", settings=AdaptSettings(steps=10, batch_size=32), seeds=(0, 1), labels_per_class=4)


def cell_of(domain: str, seed: int, after: float) -> Cell:
    return Cell(domain, seed, Accuracy(0.5, 0.4, 0, 10), Accuracy(after, after, 0, 10), 8, 1, 100, 1000, 0.1)


def test_mean_and_spread_are_over_seeds() -> None:
    found = rows([cell_of("a", 0, 0.6), cell_of("b", 0, 0.8), cell_of("a", 1, 0.8), cell_of("b", 1, 1.0)])
    assert [row.domain for row in found] == ["a", "b", ALL_DOMAINS, WORST_DOMAIN]
    assert found[0].values["after_argmax"] == pytest.approx((0.7, np.std([0.6, 0.8], ddof=1)))
    assert found[2].values["after_argmax"] == pytest.approx((0.8, np.std([0.7, 0.9], ddof=1)))


def copied(path: Path, *_: object) -> None:
    """In place of training: the image that comes with the tool."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(packaged_image("digits"), path)


def test_a_killed_experiment_goes_on_from_its_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "cached_image", copied)
    first = run_experiment(QUICK, tmp_path, ("camera",))
    (tmp_path / "cells" / "digits-camera-s1.json").unlink()
    made: list[int] = []
    true_run_cell = run_module.run_cell

    def counted(plan: Plan, *rest: object, **more: object) -> Cell:
        made.append(1)
        return true_run_cell(plan, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(run_module, "run_cell", counted)
    second = run_experiment(QUICK, tmp_path, ("camera",))
    assert len(made) == 1
    assert [replace(cell, seconds=0) for cell in first] == [replace(cell, seconds=0) for cell in second]
    run_experiment(replace(QUICK, settings=AdaptSettings(steps=20, batch_size=32)), tmp_path, ("camera",))
    assert len(made) == 3, "other settings make other cells"
    plan, cells = read_result(tmp_path / "digits.json")
    assert plan["settings"]["steps"] == 20
    assert len(cells) == 2
    page = results_page([tmp_path / "digits.json"])
    assert "| camera |" in page
    assert "mean ± standard deviation over seeds 0, 1" in page
    assert "--held-out" not in page, "as the named experiment, but for steps, batch and seeds"
    assert "`nt-host experiment digits --batch-size 32 --steps 20 --seed 0 --seed 1 --out FOLDER`" in page


@pytest.fixture
def digits_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments take the digits image that comes with the tool, in place of training one."""

    def copied(path: Path, *_: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(packaged_image("digits"), path)

    monkeypatch.setattr(run_module, "cached_image", copied)


@pytest.mark.usefixtures("digits_network")
def test_a_chain_goes_on_from_the_last_codes_and_old_domains_are_recalled(tmp_path: Path) -> None:
    settings = AdaptSettings(steps=30, batch_size=32, held_out=0)
    plan = replace(QUICK, settings=settings, seeds=(0,), chained=True, corner="ideal")
    cells = run_experiment(plan, tmp_path)
    assert [cell.domain for cell in cells] == ["camera", "clean", "camera recalled", "clean recalled"]
    alone = run_experiment(replace(plan, chained=False), tmp_path / "alone")
    assert cells[0].codes == alone[0].codes
    assert cells[1].codes != alone[1].codes, "the second domain began elsewhere"
    assert cells[2].after == cells[0].after, "its own codes bring the first domain back"
    found = rows(cells)
    assert [row.domain for row in found if row.domain.startswith("mean")] == [ALL_DOMAINS, ALL_DOMAINS + RECALLED]
    assert found[2].values["after_argmax"][0] == pytest.approx((cells[0].after.argmax + cells[1].after.argmax) / 2)
    assert "codes" not in json.loads((tmp_path / "digits.json").read_text())["cells"][0]


@pytest.mark.usefixtures("digits_network")
def test_a_digital_copy_goes_on_from_the_weights_of_the_domain_before(tmp_path: Path) -> None:
    settings = AdaptSettings(rule="tft", rule_options={"steps": 20}, held_out=0)
    plan = replace(QUICK, settings=settings, seeds=(0,), chained=True)
    first, second = run_experiment(plan, tmp_path)
    alone = run_experiment(replace(plan, chained=False), tmp_path / "alone")
    assert first.after == alone[0].after
    assert second.before != alone[1].before, "the second domain began elsewhere"
    (only,) = run_experiment(plan, tmp_path, (second.domain,))
    assert only.before == alone[1].before, "without the first domain nothing was learned before; not the kept cell"


def test_linear_rules_run_as_experiments_without_a_chip() -> None:
    task = load_task("digits", None)
    loaded = read_image(packaged_image("digits"))
    plan = replace(QUICK, settings=AdaptSettings(rule="lda"))
    cell = run_cell(plan, loaded, task.target("camera"), 20, 0, source=task.source)
    assert cell.after.argmax > cell.before.argmax
    assert (cell.steps, cell.code_bytes, cell.codes) == (0, 0, "")
    with pytest.raises(UsageError, match="samples of the source"):
        run_cell(plan, loaded, task.target("camera"), 20, 0)


def test_unknown_experiment_and_broken_result(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no experiment"):
        plan_named("chess")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UsageError, match="not a result file"):
        read_result(tmp_path / "bad.json")


def test_full_fine_tuning_stands_beside_the_chip_rules_but_not_on_a_chip(tmp_path: Path) -> None:
    task = load_task("digits", None)
    loaded = read_image(packaged_image("digits"))
    plan = replace(QUICK, settings=AdaptSettings(rule="tft", rule_options={"steps": 40}))
    cell = run_cell(plan, loaded, task.target("camera"), 20, 0)
    assert cell.after.argmax > cell.before.argmax + 0.05
    assert (cell.code_bytes, cell.wire_bytes) == (0, 0)
    with pytest.raises(UsageError, match="no chip allows"):
        check_rule(plan.settings)
    with pytest.raises(UsageError, match="no such setting"):
        run_cell(
            replace(plan, settings=AdaptSettings(rule="tft", rule_options={"magic": 1})), loaded, task.targets[0], 2, 0
        )


def test_a_plan_says_who_answers() -> None:
    """Voters beside the widened pool would answer nobody, and samples without labels would have nobody to answer."""
    for more in ({"widened": 5, "voters": ("lr",)}, {"made_up": 5}, {"unlabelled": "apart"}, {"remembers": True}):
        with pytest.raises(UsageError, match="who answers"):
            replace(plan_named("digits"), **more)


def test_seeds_may_share_networks_and_tasks_a_rom() -> None:
    tasks, tilt = plan_named("mnist-tasks"), plan_named("mnist-rot30")
    assert tasks.image_key(0) == tilt.image_key(0)
    assert tasks.rom_task == tilt.rom_task == "mnist-tasks"
    assert {replace(tasks, networks=2).network_seed(seed) for seed in range(5)} == {0, 1}
    assert {plan_named("digits").network_seed(seed) for seed in range(3)} == {0, 1, 2}


def test_the_page_says_where_seeds_share_a_network(tmp_path: Path) -> None:
    cells = [cell_of("rot30", seed, 0.9) for seed in (0, 1)]
    for networks, words in ((1, "one network for all seeds"), (0, "mean")):
        plan = replace(plan_named("mnist-rot30"), seeds=(0, 1), networks=networks)
        write_result(tmp_path / "r.json", plan, cells)
        page = results_page([tmp_path / "r.json"])
        assert words in page
        assert ("network for all" in page) == (networks == 1)


def test_a_graded_plan_runs_its_own_rule_and_the_page_says_so(tmp_path: Path) -> None:
    plan = plan_named("enose-graded")
    assert result_name(plan) == "enose-graded.json"
    other = replace(plan, settings=replace(plan.settings, rule="surrogate"))
    assert result_name(other) == "enose-graded-surrogate.json"
    write_result(tmp_path / "r.json", plan, [cell_of("batch2", seed, 0.9) for seed in plan.seeds])
    page = results_page([tmp_path / "r.json"])
    assert "`nt-host experiment enose-graded --out FOLDER`" in page
    assert "Rule `scores`" in page
    assert "count over 8 time steps" in page


def test_switches_stand_on_the_trained_first_layer_and_tft_tunes_the_network_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "cached_image", copied)
    ballot = AdaptSettings(rule="ballot", steps=40, batch_size=40, held_out=0.0)
    plan = replace(QUICK, settings=ballot, seeds=(0,), labels_per_class=20, switches=SwitchSpec(per_class=128))
    base = read_image(packaged_image("digits")).image
    switched = plan_image(plan, load_task("digits", None), tmp_path, 0).image
    np.testing.assert_array_equal(switched.layers[0].weight, base.layers[0].weight)
    assert switched.n_codes == base.layers[0].n_neurons + 10 * 128
    digital = replace(plan, settings=replace(ballot, rule="tft"))
    assert plan_image(digital, load_task("digits", None), tmp_path, 0).image.n_codes == base.n_codes
    cells = run_experiment(plan, tmp_path, ("camera",))
    assert cells[0].before.argmax < 0.3
    assert cells[0].after.argmax > 0.7
    assert "first hidden layer of 512 alone, 128 switches per class" in results_page([tmp_path / result_name(plan)])


def test_a_chip_learns_from_the_widened_pool_in_place_of_the_labelled_samples() -> None:
    task, loaded = load_task("digits", None), read_image(packaged_image("digits"))
    plan = replace(QUICK, widened=40, settings=replace(QUICK.settings, held_out=0.0))
    cell = run_cell(plan, loaded, task.target("camera"), 20, 0, source=task.source)
    other = run_cell(replace(plan, widened=0), loaded, task.target("camera"), 20, 0, source=task.source)
    assert cell.labels == other.labels == 200
    assert cell.codes != other.codes
    with pytest.raises(UsageError, match="samples of the source"):
        run_cell(plan, loaded, task.target("camera"), 20, 0)


def test_a_plan_of_thermometers_knows_labels_alone_and_the_page_says_what_it_learns_from(tmp_path: Path) -> None:
    plan = plan_named("enose1-switches")
    assert not plan.voters
    assert not plan.unlabelled
    write_result(tmp_path / "r.json", plan, [cell_of("batch2", seed, 0.9) for seed in plan.seeds])
    page = results_page([tmp_path / "r.json"])
    assert "one hidden layer of 8 neurons on each principal axis" in page
    assert "2048 samples per class of the widened pool" in page
    assert "ROM of" not in page
