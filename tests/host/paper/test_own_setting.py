"""The paper's own setting on small made files: folders of images, a table of weights in VGG-19's form, no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nt_host.paper.image_folders import STL10_NAMES, open_images
from nt_host.paper.setting import paper_setting
from nt_model.errors import EnvironmentMissingError, UsageError


def draw(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def write_stl10(folder: Path, n: int = 20) -> None:
    """Binary files as published: image k is red k, its label k % 10 + 1; the first pixel row is blue."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        pixels = np.zeros((n, 3, 96, 96), np.uint8)
        pixels[:, 0] = np.arange(n)[:, None, None]
        pixels[:, 2, :, 0] = 255
        pixels.tofile(folder / f"{part}_X.bin")
        (np.arange(n) % 10 + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")


def write_tasks(folder: Path) -> None:
    """STL-10 in binary, Food-11 by number, BCCD by class."""
    write_stl10(folder / "stl10")
    for part in ("training", "evaluation", "validation"):
        for number in range(22):
            draw(folder / "food11" / part / f"{number % 11}_{number}.jpg", (10 * (number % 11), 0, 0))
    for part in ("TRAIN", "TEST"):
        for index, name in enumerate(("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")):
            for number in range(3):
                draw(folder / "bccd" / part / name / f"_{number}.jpeg", (0, 60 * index, 0))


def test_folders_as_published_are_understood(tmp_path: Path) -> None:
    write_tasks(tmp_path)
    stl, food, bccd = (open_images(tmp_path / name) for name in ("stl10", "food11", "bccd"))
    assert stl.class_names == STL10_NAMES
    assert stl.train.labels.tolist() == [*range(10), *range(10)]
    image = stl.test.read(7)
    assert image.shape == (96, 96, 3)
    assert (image[0, :, 2] == 255).all(), "the first row, not the first column"
    assert (image[1:, :, 2] == 0).all()
    assert (image[..., 0] == 7).all()
    assert food.class_names == tuple(str(number) for number in range(11))
    assert sorted(food.train.labels.tolist()) == sorted([*range(11), *range(11)])
    place = int(np.flatnonzero(food.train.labels == 10)[0])
    assert abs(int(food.train.read(place)[0, 0, 0]) - 100) <= 2
    assert bccd.class_names == ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
    assert np.bincount(bccd.test.labels).tolist() == [3, 3, 3, 3]
    assert bccd.test.read(0).shape == (30, 40, 3)


def test_folders_that_are_no_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of images"):
        open_images(tmp_path / "nothing")
    draw(tmp_path / "half" / "train" / "a" / "1.png", (0, 0, 0))
    with pytest.raises(UsageError, match="exactly one part to be judged on"):
        open_images(tmp_path / "half")
    draw(tmp_path / "half" / "test" / "b" / "1.png", (0, 0, 0))
    with pytest.raises(UsageError, match="same classes"):
        open_images(tmp_path / "half")
    write_stl10(tmp_path / "cut")
    (tmp_path / "cut" / "test_X.bin").write_bytes(b"\0" * 1000)
    with pytest.raises(UsageError, match="STL-10's binary"):
        open_images(tmp_path / "cut")
    draw(tmp_path / "bad" / "train" / "a" / "1.png", (0, 0, 0))
    (tmp_path / "bad" / "test" / "a").mkdir(parents=True)
    (tmp_path / "bad" / "test" / "a" / "1.png").write_bytes(b"not a picture")
    with pytest.raises(UsageError, match="cannot be read"):
        open_images(tmp_path / "bad").test.read(0)


@pytest.mark.torch
class TestWeights:
    """Everything that needs PyTorch."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

    def small_weights(self, folder: Path, channels: tuple[int, ...]) -> Path:
        """A table of weights by torchvision's names, of a narrow network: 49 * the last channels - 24 - 16 - 1000."""
        import torch

        from nt_host.paper.vgg19 import features_module

        generator = torch.Generator().manual_seed(0)
        table = {f"features.{name}": each for name, each in features_module(channels).state_dict().items()}
        sizes = (49 * channels[-1] if channels[-1] else 49 * channels[-2], 24, 16, 1000)
        for name, n_inputs, n in zip(("classifier.0", "classifier.3", "classifier.6"), sizes, sizes[1:], strict=False):
            table[f"{name}.weight"] = torch.randn(n, n_inputs, generator=generator) / n_inputs**0.5
            table[f"{name}.bias"] = torch.zeros(n)
        path = folder / "vgg19.pth"
        torch.save(table, path)
        return path

    def test_names_and_shapes_are_those_of_vgg19(self) -> None:
        from nt_host.paper.vgg19 import features_module

        shapes = {name: tuple(each.shape) for name, each in features_module().state_dict().items()}
        assert shapes["0.weight"] == (64, 3, 3, 3)
        assert shapes["34.weight"] == (512, 512, 3, 3)
        # 16 convolutions; 20,024,384 parameters are VGG-19's 143,667,240 less the classifier's 123,642,856.
        assert len(shapes) == 32
        assert sum(int(np.prod(shape)) for shape in shapes.values()) == 143_667_240 - 123_642_856

    def test_the_whole_setting_on_made_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from nt_host.paper import own_setting, vgg19
        from nt_host.paper.tables import run_table

        narrow = (4, 0, 0, 0, 0, 6, 0)
        monkeypatch.setattr(own_setting, "split_network", lambda weights: vgg19.split_network(weights, narrow))
        write_tasks(tmp_path)
        self.small_weights(tmp_path, narrow)
        cache = tmp_path / "out"
        cache.mkdir()
        monkeypatch.setenv("NT_PAPER_DIR", str(tmp_path))
        setting = paper_setting(cache)
        assert setting.frozen.sizes == (294, 24, 16, 1000)
        assert setting.frozen.feed_forward_groups == (294, 24, 16)
        assert [task.n_classes for task in setting.tasks] == [10, 11, 4]
        assert [bool(task.class_outputs) for task in setting.tasks] == [True, False, False]
        assert setting.tasks[1].split(0).x.shape == (22, 294)
        kept = sorted(path.stat().st_mtime_ns for path in cache.glob("features-*.npy"))
        again = paper_setting(cache)
        assert len(kept) == 6
        assert kept == sorted(path.stat().st_mtime_ns for path in cache.glob("features-*.npy"))
        assert again.digest == setting.digest
        found = run_table("table1", again, cache, (0,))
        assert "VGG-19" in found.told[1]

    def test_images_are_made_as_torchvision_makes_them(self) -> None:
        from nt_host.paper.own_setting import DEVIATION, MEAN, prepared

        found = prepared(np.full((300, 500, 3), 128, np.uint8))
        assert found.shape == (3, 224, 224)
        assert np.allclose(found[:, 5, 9], (128 / 255 - MEAN) / DEVIATION, atol=1e-5)

    def test_weights_that_are_not_vgg19s_are_refused(self, tmp_path: Path) -> None:
        import torch

        from nt_host.paper.vgg19 import read_weights, split_network

        path = tmp_path / "vgg19.pth"
        path.write_bytes(b"nonsense")
        with pytest.raises(UsageError, match="no file of VGG-19's weights"):
            read_weights(path)
        torch.save([1, 2], path)
        with pytest.raises(UsageError, match="no file of VGG-19's weights"):
            read_weights(path)
        narrow = (4, 0)
        weights = dict(read_weights(self.small_weights(tmp_path, narrow)))
        split_network(weights, narrow)
        del weights["classifier.3.bias"]
        with pytest.raises(UsageError, match="not those of VGG-19"):
            split_network(weights, narrow)

    def test_without_weights_and_torchvision_the_user_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from nt_host.paper import vgg19

        monkeypatch.setattr(vgg19.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(EnvironmentMissingError, match="torchvision") as caught:
            vgg19.read_weights(None)
        assert "nt-host[paper]" in caught.value.next_step
