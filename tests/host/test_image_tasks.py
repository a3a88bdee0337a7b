"""Tasks of images, speech and PACS features on small made-up files, and on the recordings where they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nt_host.tasks import load_task, mnist, split_target
from nt_host.tasks.images28 import cells, usps_canvas
from nt_host.tasks.pacs import random_style
from nt_host.tasks.speech import FRAMES, pictures, random_voice
from nt_host.train_image import fit_task_encoder
from nt_model.errors import EnvironmentMissingError, UsageError

NAMES = ("mnist", "mnist-rot30", "mnist-tasks", "mnist-tuning", "usps", "pacs", "fsdd")
needs_recordings = pytest.mark.skipif(
    not os.environ.get("NT_DATA_DIR"), reason="set NT_DATA_DIR to the folder of the recordings (see docs)"
)


@pytest.fixture
def no_cache() -> Iterator[None]:
    mnist._mnist.cache_clear()
    yield
    mnist._mnist.cache_clear()


def image_file(path: Path, side: int, dtype: type[np.integer] = np.uint8, top: int = 255) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, top + 1, (40, side, side)).astype(dtype)
    y = (np.arange(40) % 10).astype(np.uint8)
    np.savez(path, x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_tell_where_the_original_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cache: None
) -> None:
    monkeypatch.setenv("NT_DATA_DIR", str(tmp_path))
    with pytest.raises(EnvironmentMissingError) as caught:
        load_task(name, None)
    assert "download" in caught.value.next_step


def test_usps_on_a_made_up_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cache: None) -> None:
    image_file(tmp_path / "mnist.npz", 28)
    image_file(tmp_path / "usps.npz", 16, np.uint16, 2000)
    monkeypatch.setenv("NT_DATA_DIR", str(tmp_path))
    task = load_task("usps", None)
    assert task.source.n_features == task.targets[0].pool.n_features == 196
    split = split_target(task.targets[0], 500, 0)
    assert len(split.labelled) == 40, "with a test of its own, all of a class may be drawn"
    encoder = fit_task_encoder(task)
    events = encoder.encode(np.array([[0.0, 0.5, 1.0] + [0.5] * 193], np.float32))
    assert events[0, :3].tolist() == [0, 0, 32]
    assert events[0, 196:199].tolist() == [32, 0, 0]


def test_images_of_the_wrong_size_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cache: None) -> None:
    image_file(tmp_path / "mnist.npz", 16)
    monkeypatch.setenv("NT_DATA_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="not as expected"):
        load_task("mnist", None)


def test_cells_are_means_of_two_by_two_pixels() -> None:
    image = np.arange(28 * 28, dtype=np.float32).reshape(1, 28, 28)
    assert cells(image)[0, 0] == (0 + 1 + 28 + 29) / 4
    assert cells(image).shape == (1, 196)


def test_permuted_labels_leave_no_class_in_place_and_differ_from_those_of_tuning() -> None:
    classes = np.arange(10)
    reported = mnist.permuted(classes)
    tuning = mnist.permuted(classes, mnist.TUNING_PERMUTATION_SEED)
    for order in (reported, tuning):
        assert sorted(order.tolist()) == classes.tolist()
        assert (order != classes).all()
    assert (reported != tuning).any()


def test_usps_digits_are_centred_by_mass() -> None:
    images = np.zeros((1, 16, 16), np.uint16)
    images[0, 4:10, 5:9] = 2000
    canvas = usps_canvas(images)[0]
    rows, columns = np.indices((28, 28))
    assert abs((canvas * rows).sum() / canvas.sum() - 13.5) <= 0.6
    assert abs((canvas * columns).sum() / canvas.sum() - 13.5) <= 0.6


def test_speech_pictures_stretch_every_recording_to_the_same_size() -> None:
    spectra = np.full((2, 64, 24), -13.0, np.float16)
    spectra[0, :10], spectra[1, :64] = 2.0, 2.0
    spectra[0, :5, 3] = spectra[1, :32, 3] = 4.0
    found = pictures(spectra, np.array([10, 64]))
    assert found.shape == (2, FRAMES * 24)
    np.testing.assert_allclose(found[0], found[1], atol=0.1)


@pytest.mark.parametrize("world", [random_voice, random_style])
def test_worlds_of_features_are_shared_by_all_samples_and_repeat_with_their_seed(world: object) -> None:
    features = np.random.default_rng(0).random((5, 384)).astype(np.float32)
    assert callable(world)
    one, again, other = (world(features, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0
    assert one.shape == features.shape


@needs_recordings
@pytest.mark.data
@pytest.mark.parametrize(("name", "features", "targets"), [("pacs", 1280, 1), ("fsdd", 384, 2)])
def test_small_recordings_load(name: str, features: int, targets: int) -> None:
    task = load_task(name, None)
    assert task.source.n_features == features
    assert len(task.targets) == targets
