"""Tasks: the digits, any NPZ file, and the recordings where they are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nt_host.tasks import TASKS, load_task, split_target
from nt_host.tasks.digits import View, pixels_and_labels, through_camera, warped
from nt_model.errors import EnvironmentMissingError, UsageError

needs_recordings = pytest.mark.skipif(
    not os.environ.get("NT_DATA_DIR"), reason="set NT_DATA_DIR to the folder of the recordings (see docs)"
)


def test_digits_has_disjoint_source_and_field_and_the_camera_sees_the_same_digits() -> None:
    task = load_task("digits", None)
    camera, clean = task.target("camera").pool, task.target("clean").pool
    assert len(task.source) + len(clean) == 1797
    np.testing.assert_array_equal(camera.labels, clean.labels)
    np.testing.assert_array_equal(camera.features, through_camera(clean.features))
    assert 0 <= camera.features.min() <= camera.features.max() <= 16


def test_rotation_by_a_right_angle_is_exact() -> None:
    images = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(warped(images, View(tilt_degrees=90)), np.rot90(images, 1, axes=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(warped(images, View()), images, atol=1e-6)


def test_any_npz_file_is_a_task(tmp_path: Path) -> None:
    path = tmp_path / "plant.npz"
    np.savez(path, X=np.ones((6, 2)), y=np.array([0, 1, 0, 1, 0, 1]), domain=np.array(["b", "a", "c", "c", "c", "c"]))
    task = load_task(None, path)
    assert (task.name, [target.name for target in task.targets]) == ("plant", ["b", "c"])
    assert len(task.source) == 1


@pytest.mark.parametrize(("name", "data"), [(None, None), ("digits", Path("x.npz")), ("moon", None)])
def test_a_task_is_named_or_a_file(name: str | None, data: Path | None) -> None:
    with pytest.raises(UsageError):
        load_task(name, data)


@pytest.mark.parametrize(("name", "where"), [("enose", "archive.ics.uci.edu"), ("emg", "MyoArmbandDataset")])
def test_missing_recordings_tell_where_the_original_is(
    name: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("", str(tmp_path)):
        monkeypatch.setenv("NT_DATA_DIR", folder)
        with pytest.raises(EnvironmentMissingError) as caught:
            load_task(name, None)
        assert where in caught.value.next_step


@pytest.mark.data
@needs_recordings
def test_enose_trains_on_batch_1_and_adapts_to_later_ones() -> None:
    task = TASKS["enose"]()
    assert task.source.n_features == 128
    assert [target.name for target in task.targets] == [f"batch{n}" for n in range(2, len(task.targets) + 2)]
    split = split_target(task.target("batch2"), 8, 0)
    assert np.bincount(split.labelled.labels).max() == 8
    assert len(split.labelled) + len(split.test) == len(task.target("batch2").pool)


@pytest.mark.data
@needs_recordings
def test_emg_adapts_with_one_repetition_and_tests_on_another_session() -> None:
    task = TASKS["emg"]()
    assert len(task.targets) == 18
    target = task.targets[0]
    split = split_target(target, 1, 0)
    assert target.test is not None
    assert len(split.test) == len(target.test)
    assert target.repetition is not None
    assert len(np.unique(split.labelled.labels)) == 7
    assert len(split.labelled) < len(target.pool) / 3


def test_digits_are_those_of_scikit_learn() -> None:
    ours, golden = pixels_and_labels(), load_digits(return_X_y=True)
    assert (ours[0] == golden[0]).all()
    assert (ours[1] == golden[1]).all()
