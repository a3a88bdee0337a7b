"""The study of equilibrium propagation from end to end on a small made task, its checks, and what it keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nt_host.adapt.settings import AdaptSettings
from nt_host.cli.main import run
from nt_host.cli.study import STUDIES
from nt_host.systems.eqprop.array import ArrayForm
from nt_host.systems.eqprop.chips import IDEAL, LOCAL, TYPICAL, ChipOutcome, ChipPlan, state_name
from nt_host.systems.eqprop.digits import Digits, Mnist, few_labels
from nt_host.systems.eqprop.judge import Learned
from nt_host.systems.eqprop.keep import kept_path, trained
from nt_host.systems.eqprop.local_rule import LocalSettings
from nt_host.systems.eqprop.picture import write_eqprop_picture
from nt_host.systems.eqprop.report import eqprop_checks, eqprop_finding, eqprop_tables
from nt_host.systems.eqprop.study import run_eqprop
from nt_host.systems.eqprop.told import eqprop_told
from nt_host.systems.eqprop.train import TrainSettings
from nt_model.errors import UsageError

HOW = TrainSettings(hidden=(30,), epochs=3, batch_size=20, rates=(0.2, 0.1))
PLAN = ChipPlan(
    ArrayForm(n_steps=8),
    presentations=2,
    degrees=30.0,
    labels_per_class=(2,),
    local=(LocalSettings(steps=4, batch_size=10),),
    default=(AdaptSettings(steps=4, batch_size=10, held_out=0.0),),
)


@pytest.fixture(scope="module")
def data() -> Mnist:
    """The 8 x 8 digits, three pixels wide each, in the middle of 28 x 28."""
    digits = load_digits()
    large = np.kron(digits.images / 16, np.ones((3, 3)))
    x = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(len(large), -1).astype(np.float32)
    both = Digits(x, digits.target.astype(np.int64))
    return Mnist(both.take(slice(0, 1200)), both.take(slice(1200, 1500)))


def test_the_study_runs_and_goes_on_from_what_it_kept(data: Mnist, tmp_path: Path) -> None:
    notes: list[str] = []
    first = run_eqprop(tmp_path, data, (0, 1), HOW, PLAN, 1, lambda done, total, note: notes.append(note))
    assert notes == ["training network 0", "training network 1", "ideal chip 0", "typical chip 0"]
    learned, outcomes = first
    assert all(each.spiking > 0.5 for each in learned)
    assert {(each.corner, each.chip) for each in outcomes} == {(IDEAL, 0), (TYPICAL, 0)}
    assert set(outcomes[1].states) == {"upright", "tilted", "local 2", "dmn 2"}
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert run_eqprop(tmp_path, data, (0, 1), HOW, PLAN, 1) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == kept
    tables = eqprop_tables(learned, outcomes, PLAN)
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert len(eqprop_checks(learned, outcomes, PLAN)) == 2
    assert all(eqprop_told(HOW, PLAN, (0, 1)))
    assert "With 20 labels" in eqprop_finding(outcomes, PLAN)
    write_eqprop_picture(tmp_path / "picture.png", (0.9, 0.95), outcomes, PLAN)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_kept_network_belongs_to_its_settings_and_a_damaged_one_is_refused(data: Mnist, tmp_path: Path) -> None:
    few = data.train.take(slice(0, 40))
    short = replace(HOW, epochs=1)
    found = trained(tmp_path, few, few, short, 0)
    again = trained(tmp_path, few, few, short, 0)
    assert len(found.curve) == 1
    assert again.curve == found.curve
    assert again.network.steps == found.network.steps
    np.testing.assert_array_equal(again.network.weights[0], found.network.weights[0])
    path = kept_path(tmp_path, short, 40, 0)
    assert kept_path(tmp_path, replace(short, beta=0.4), 40, 0) != path
    path.write_bytes(b"PK damaged")
    with pytest.raises(UsageError, match="kept network"):
        trained(tmp_path, few, few, short, 0)


def test_few_labels_are_drawn_alike_from_every_class(data: Mnist) -> None:
    drawn = few_labels(data.train, 5, np.random.default_rng(0))
    assert (np.bincount(drawn.labels) == 5).all()
    assert not np.array_equal(drawn.labels, np.sort(drawn.labels))


def made(after: float) -> list[ChipOutcome]:
    states = {"upright": [0.9] * 4, "tilted": [0.7] * 4, state_name(LOCAL, 2): [after] * 4}
    return [ChipOutcome(TYPICAL, 0, 0, states)]


@pytest.mark.parametrize(("accuracy", "after", "met"), [(0.98, 0.8, [True, True]), (0.97, 0.7, [False, False])])
def test_a_missed_target_misses_its_check(accuracy: float, after: float, met: list[bool]) -> None:
    checks = eqprop_checks([Learned(0, accuracy, 0.99, 0.99)], made(after), PLAN)
    assert [each.met for each in checks] == met


def test_the_command_knows_the_study_and_refuses_options_that_it_would_ignore(tmp_path: Path) -> None:
    assert "eqprop" in STUDIES
    assert run(["experiment", "eqprop", "--out", str(tmp_path), "--steps", "3"]) == 2
