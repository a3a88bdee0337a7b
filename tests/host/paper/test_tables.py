"""Every table runs on made tasks: resumable, rendered, honest about what is not available."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nt_host.paper import tables
from nt_host.paper.cells import CellStore, Spread
from nt_host.paper.claims import NOT_HERE, Pair, apart, holds_up
from nt_host.paper.frozen import FrozenLayers, PaperTask
from nt_host.paper.label_groups import LABELS, class_outputs
from nt_host.paper.recipe import Tuning
from nt_host.paper.spiking import spiking_accuracy
from nt_host.paper.stand_in import drawn_per_class, stand_in
from nt_host.paper.tables import SPIKING, TABLES, run_table
from nt_host.study.page import studies_page
from nt_host.study.result import read_study, write_study
from nt_model.errors import UsageError
from tests.host.conftest import RunCli
from tests.host.paper.made import made_layers, made_setting, made_task

needs_recordings = pytest.mark.skipif(
    not os.environ.get("NT_DATA_DIR"), reason="set NT_DATA_DIR to the folder of the recordings (see docs)"
)


@pytest.mark.parametrize("name", SPIKING)
def test_spiking_tables(name: str, tmp_path: Path) -> None:
    found = run_table(name, made_setting(2), tmp_path, (0, 1))
    assert read_study(write_study(tmp_path, found)) == found
    assert all(row[-1] == NOT_HERE for row in found.tables[0].rows)
    assert found.finding
    page = studies_page([tmp_path / f"{name}.json"], None)
    assert "tables 1 to 8" in page
    assert found.finding in page


@pytest.mark.torch
@pytest.mark.parametrize("name", [name for name in TABLES if name not in SPIKING])
def test_feed_forward_tables(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")
    found = run_table(name, made_setting(), tmp_path, (0,))
    assert all(row[-1] == NOT_HERE for row in found.tables[0].rows)
    assert all(check.met for check in found.checks)
    assert len(found.checks) == {"table3": 4, "table5": 3}.get(name, 0)
    assert found.finding


def test_the_page_is_what_its_results_say() -> None:
    docs = Path(__file__).parents[3] / "docs"
    paths = [docs / "paper" / f"{name}.json" for name in TABLES]
    assert studies_page(paths, docs / "paper.md") == (docs / "paper.md").read_text(encoding="utf-8")
    assert all(len(read_study(path).values["seeds"]) == 5 for path in paths)


def test_a_killed_table_goes_on_and_tables_share_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measured(frozen: FrozenLayers, task: PaperTask, tuning: object, run: int) -> float:
        asked.append(run)
        if len(asked) == 20:
            raise KeyboardInterrupt
        return 0.5

    monkeypatch.setattr(tables, "spiking_accuracy", measured)
    monkeypatch.setattr(tables, "held_out_accuracy", measured)
    with pytest.raises(KeyboardInterrupt):
        run_table("table7", made_setting(), tmp_path, (0, 1))
    run_table("table7", made_setting(), tmp_path, (0, 1))
    assert len(asked) == 3 * 4 * 5 * 2 + 1
    run_table("table7", made_setting(), tmp_path, (0, 1))
    assert len(asked) == 3 * 4 * 5 * 2 + 1


def test_cells_of_other_data_are_not_taken(tmp_path: Path) -> None:
    CellStore(tmp_path, "a").keep("key", 0.25)
    assert CellStore(tmp_path, "a").values == {"key": 0.25}
    assert CellStore(tmp_path, "b").values == {}


def test_findings_follow_the_figures() -> None:
    good, bad = (Pair("t", Spread((mean, mean)), Spread((0.8, 0.8))) for mean in (0.79, 0.7))
    noisy = Pair("n", Spread((0.5, 0.7, 0.6)), Spread((0.8, 0.6, 0.8)))
    alike = Pair("n", Spread((0.5, 0.7, 0.6)), Spread((0.6, 0.8, 0.7)))
    assert [each.verdict for each in (good, bad, noisy, alike)] == ["level", "behind", "undecided", "behind"]
    assert holds_up("it", [good]) == "The trend, held against it: agrees on t (-1.0 points)."
    assert holds_up("it", [bad]) == "The trend, held against it: does not agree on t (-10.0 points)."
    assert "agrees on t (-1.0 points); does not agree on t (-10.0 points)" in holds_up("it", [bad, good])
    assert "undecided on n (-13.3 points)" in holds_up("it", [noisy])
    assert apart("a", "b", [bad, good]) == "a is level with b on t (-1.0 points); behind b on t (-10.0 points)."
    assert Pair("t", Spread((0.8,)), Spread((0.80001,))).words == "t (+0.0 points)"


def test_balanced_accuracy_weighs_classes_alike() -> None:
    wanted = np.array([0, 0, 0, 1])
    plain, balanced = (PaperTask("t", "t", 2, each, made_task().split) for each in (False, True))
    found = np.zeros(4, np.int64)
    assert (plain.accuracy(found, wanted), balanced.accuracy(found, wanted)) == (0.75, 0.5)


def test_samples_are_drawn_by_class_and_by_run() -> None:
    y = np.repeat([0, 1, 2], [50, 30, 5])
    first, second = (drawn_per_class(y, np.arange(80), 10, run) for run in (0, 1))
    assert np.bincount(y[first]).tolist() == [10, 10]
    assert not np.array_equal(first, second)
    assert np.array_equal(first, drawn_per_class(y, np.arange(80), 10, 0))


def test_labels_of_classes_do_not_overlap() -> None:
    everything = [label for labels in LABELS.values() for label in labels]
    assert len(set(everything)) == len(everything)
    assert class_outputs(("car", "horse"), 1) == (tuple(each + 1 for each in LABELS["automobile"]), (340,))


def test_layers_that_do_not_fit_are_refused() -> None:
    frozen = made_layers(2)
    with pytest.raises(UsageError, match="do not fit"):
        FrozenLayers("made", frozen.weights[::-1], frozen.biases)


def test_a_table_without_its_data_says_where_they_are(tmp_path: Path, cli: RunCli) -> None:
    done = cli("experiment", "table6", "--out", tmp_path, env={"NT_DATA_DIR": str(tmp_path)})
    assert done.returncode == 3
    assert "mobilenet_v2" in done.stderr


@pytest.mark.data
@needs_recordings
def test_the_stand_ins_are_what_they_say() -> None:
    setting = stand_in()
    assert setting.frozen.sizes == (1280, 1001)
    assert [task.n_classes for task in setting.tasks] == [10, 7, 4]
    for task in setting.tasks:
        split = task.split(0)
        assert split.x.shape[1] == 1280
        assert set(np.unique(split.y)) == set(np.unique(split.y_test)) == set(range(task.n_classes))
    folds = [setting.tasks[2].split(run) for run in range(5)]
    assert sum(len(fold.y_test) for fold in folds) == 351


@pytest.mark.data
@needs_recordings
def test_gains_teach_a_real_layer_a_task_that_it_was_not_trained_on() -> None:
    setting = stand_in()
    untuned, tuned = (
        spiking_accuracy(setting.frozen, setting.tasks[0], Tuning(method, 0.03), 0) for method in ("none", "nt1")
    )
    assert untuned > 0.2, "the real layer should know a part of CIFAR-10 without tuning"
    assert tuned > untuned + 0.1
