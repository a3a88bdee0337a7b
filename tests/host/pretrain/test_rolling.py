"""Rolling pretraining on images: views, the worlds' rules, resuming, and the fold into integers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

import torch

from nt_host.pretrain.image_worlds import ImageWorlds
from nt_host.pretrain.rolling import RollingRun, train_rolling
from nt_host.pretrain.spec import PretrainError, TrainSpec
from nt_host.pretrain.views import Dice, composed, matrices, random_tilt, random_view, seen_cells
from nt_host.tasks.images28 import cells, tilted

pytestmark = pytest.mark.torch

SPEC = TrainSpec(
    hidden=(24,), population=2, steps=12, batch_size=40, worlds=4, world_life=4, clean_share=0.2, gain_sigma=0.1
)


def bars(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Ten kinds of images: a bright bar in one of ten places."""
    labels = np.arange(count) % 10
    images = np.zeros((count, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:24, 2 + 2 * label : 5 + 2 * label] = 220
    return images, labels


def one_map(tilt: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    one = torch.ones(1)
    return matrices(tilt * one, scale * one, 0 * one, torch.zeros(1, 2), one)


@pytest.mark.parametrize("tilt", [0.0, 30.0, -75.0, 90.0])
def test_a_view_turns_images_as_the_task_does(tilt: float) -> None:
    images, _ = bars(10)
    bright = images.astype(np.float32) / 255
    seen = seen_cells(torch.from_numpy(bright), one_map(tilt).expand(10, 2, 3), None).reshape(10, -1).numpy()
    right, wrong = cells(tilted(bright, tilt)), cells(tilted(bright, -tilt))
    assert np.abs(seen - right).mean() < 0.03
    if tilt not in (0.0, 90.0):
        assert np.abs(seen - wrong).mean() > 0.08


def test_composed_maps_undo_each_other() -> None:
    there, back = one_map(40.0, 1.2), one_map(-40.0, 1 / 1.2)
    np.testing.assert_allclose(composed(there, back)[0].numpy(), np.eye(3)[:2], atol=1e-6)


def test_the_tilts_of_the_tasks_are_never_drawn() -> None:
    dice, worlds = Dice(torch.Generator().manual_seed(0)), ImageWorlds()
    tilts = np.array([random_tilt(dice, worlds, worlds.tilt_degrees) for _ in range(3000)])
    for unseen in worlds.unseen_tilts_degrees:
        assert np.abs(tilts - unseen).min() > 5
    assert tilts.min() < -110
    assert tilts.max() > 110


def test_views_hold_what_their_shares_ask() -> None:
    images, labels = (torch.from_numpy(part) for part in bars())
    dice = Dice(torch.Generator().manual_seed(1))
    only_glyphs = ImageWorlds(glyph_share=1.0)
    bank = random_view(dice, only_glyphs, images, labels).bank
    assert bank is not None
    assert bank.shape == (10, 24, 28, 28)
    assert 0 <= float(bank.min()) <= float(bank.max()) <= 1
    permuted = ImageWorlds(glyph_share=0.0, plain_share=0.0, permuted_share=1.0)
    orders = [random_view(dice, permuted, images, labels).permutation.tolist() for _ in range(5)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert any(order != list(range(10)) for order in orders)


def test_the_clean_world_keeps_gain_one_and_others_move() -> None:
    images, labels = bars()
    run = RollingRun(SPEC, ImageWorlds(), images, labels, 64)
    for _ in range(3):
        run.one_step()
    for log_gain in run.log_gain:
        assert bool((log_gain[0] == 0).all())
        assert bool((log_gain[1:] != 0).any())


def test_a_killed_run_goes_on_to_the_same_network(tmp_path: Path) -> None:
    images, labels = bars()
    whole = train_rolling(SPEC, ImageWorlds(), images, labels, 64)
    first = RollingRun(SPEC, ImageWorlds(), images, labels, 64)
    for _ in range(7):
        first.one_step()
    path = tmp_path / "run.checkpoint"
    first.save(path)
    resumed = train_rolling(SPEC, ImageWorlds(), images, labels, 64, checkpoint=path)
    for one, other in zip(whole.layers, resumed.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.threshold_q8, other.threshold_q8)
    assert not path.exists()


def test_a_checkpoint_of_another_specification_is_refused(tmp_path: Path) -> None:
    images, labels = bars()
    path = tmp_path / "run.checkpoint"
    RollingRun(SPEC, ImageWorlds(), images, labels, 64).save(path)
    with pytest.raises(PretrainError, match="another specification"):
        train_rolling(dataclasses.replace(SPEC, steps=13), ImageWorlds(), images, labels, 64, checkpoint=path)


def test_the_integer_network_learns_plain_images() -> None:
    images, labels = bars(200)
    spec = TrainSpec(hidden=(48,), population=4, steps=150, batch_size=64, gain_sigma=0.1)
    network = train_rolling(spec, ImageWorlds(), images, labels, 64)
    assert network.train_accuracy > 0.8
    assert [layer.weight.shape for layer in network.layers] == [(48, 392), (40, 48)]
    assert int(np.abs(network.layers[0].weight).max()) <= 7


@pytest.mark.parametrize("change", [{"glyph_share": 1.5}, {"tilt_degrees": 200.0}])
def test_shares_and_tilts_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(PretrainError):
        ImageWorlds(**change)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(PretrainError, match="28"):
        train_rolling(SPEC, ImageWorlds(), np.zeros((4, 16, 16), np.uint8), np.zeros(4, np.int64), 64)
