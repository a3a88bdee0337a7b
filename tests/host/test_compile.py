"""Compiler: integers as they are, floats scaled, everything else refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nt_host.compile import NetworkLayer, compiled_layer, quantised
from nt_host.network_file import build_image
from nt_model.errors import UsageError
from nt_model.image import own_domains
from nt_model.image_file import image_bytes, parse_image


def network(**changed: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays = {
        "weight_0": rng.integers(-7, 8, (5, 4)),
        "bias_0": np.arange(5),
        "threshold_0": np.full(5, 300),
        "weight_1": rng.integers(-7, 8, (2, 5)),
        "bias_1": np.zeros(2, int),
        "threshold_1": np.full(2, 256),
        "encoder_kind": np.array("count"),
        "encoder_levels": np.array(8),
        "encoder_offset": np.zeros(2),
        "encoder_scale": np.ones(2),
    }
    return {name: value for name, value in {**arrays, **changed}.items() if value is not None}


def saved(tmp_path: Path, **changed: Any) -> Path:
    path = tmp_path / "network.npz"
    np.savez(path, **network(**changed))
    return path


def test_integers_arrive_in_the_image_unchanged(tmp_path: Path) -> None:
    image = parse_image(image_bytes(build_image(saved(tmp_path), metadata={"source": "test"}))).image
    arrays = network()
    for index, layer in enumerate(image.layers):
        np.testing.assert_array_equal(layer.weight, arrays[f"weight_{index}"])
        np.testing.assert_array_equal(layer.bias, arrays[f"bias_{index}"])
        np.testing.assert_array_equal(layer.threshold_q8, arrays[f"threshold_{index}"])
    assert (image.n_codes, image.n_classes, image.metadata["source"]) == (7, 2, "test")


def test_domains_shared_and_split(tmp_path: Path) -> None:
    image = build_image(saved(tmp_path, domain_0=np.array([0, 0, 1, 1, 2]), domain_1=np.array([[3, 4], [5, 5]])))
    assert image.n_codes == 6
    assert image.layers[1].domain.tolist() == [[3, 4], [5, 5]]


def test_floats_scale_to_the_largest_weight() -> None:
    layer = quantised(np.array([[0.5, -1.0], [0.25, 0.0]]), np.array([0.1, 0.2]), np.array([0.3, 0.4]))
    assert layer.weight.tolist() == [[4, -7], [2, 0]]
    assert layer.bias.tolist() == [1, 1]
    assert layer.threshold_q8.tolist() == [538, 717]


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"weight_0": np.full((5, 4), 8)}, "weight of layer 0 lies outside -7..7"),
        ({"weight_1": np.full((2, 5), -8)}, "weight of layer 1 lies outside -7..7"),
        ({"weight_0": np.full((5, 4), 0.5)}, "not an array of whole numbers"),
        ({"bias_0": np.full(5, 40000)}, "bias of layer 0 lies outside"),
        ({"bias_0": np.zeros(4, int)}, "bias_0 does not fit weight_0"),
        ({"threshold_1": None}, "lacks the array 'threshold_1'"),
        ({"encoder_kind": None}, "lacks the array 'encoder_kind'"),
        ({"encoder_kind": np.array("morse")}, "unknown input encoder"),
        ({"domain_0": np.arange(5), "domain_1": np.array([6, 7])}, "domain map has holes"),
        ({"domain_0": np.arange(5)}, "lacks the array 'domain_1'"),
        ({"weight_1": np.ones((2, 6), int)}, "neighbouring layers do not fit"),
        ({"readout_class": np.array([0, 2])}, "readout map skips a class"),
        ({"weight_0": None}, "lacks the array 'weight_0'"),
    ],
)
def test_what_the_array_cannot_hold_is_refused(changed: dict[str, Any], cause: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        build_image(saved(tmp_path, **changed))
    assert cause in caught.value.cause
    assert caught.value.next_step


def test_quantise_refuses_what_has_no_scale() -> None:
    for weight in (np.zeros((2, 2)), np.array([[np.nan, 1.0], [1.0, 1.0]])):
        with pytest.raises(UsageError):
            quantised(weight, np.zeros(2), np.ones(2))


def test_a_layer_keeps_leak_and_refractory() -> None:
    layer = NetworkLayer(np.ones((2, 2), int), np.zeros(2, int), np.ones(2, int), leak=3, refractory=2)
    made = compiled_layer(layer, own_domains((2,))[0], 0)
    assert (made.leak, made.refractory) == (3, 2)
