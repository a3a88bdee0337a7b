"""Random whitened neurons: where they decide, and that the trained ones beside them decide as before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nt_host.encode import encode
from nt_host.pretrain.encode import fit_encoder
from nt_host.pretrain.graded import signed_events, within_classes
from nt_host.pretrain.spec import PretrainError
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.pretrain.whitened import HEIGHT, ONE_Q8, with_whitened
from nt_host.tasks.dataset import Dataset
from nt_model.image import EncoderSpec, Image
from tests.host.rules.toy import random_image

FEATURES, TRAINED, RANDOM = 6, 16, 40


def recordings(seed: int = 0) -> Dataset:
    """Two users and three classes whose features scatter together, so that the plain axes are not the whitened ones."""
    rng = np.random.default_rng(seed)
    labels, domain = rng.integers(0, 3, 600), rng.integers(0, 2, 600)
    mixing = rng.normal(size=(FEATURES, FEATURES)) * np.geomspace(1, 0.2, FEATURES)[:, None]
    features = rng.normal(size=(3, FEATURES))[labels] + rng.normal(size=(600, FEATURES)) @ mixing
    return Dataset(features.astype(np.float32), labels, domain, ("a", "b", "c"), ("one", "two"))


def trained(source: Dataset) -> Image:
    """An image for `source` of random weights, whose thresholds are of the size of its currents."""
    image = random_image(0, (2 * FEATURES, TRAINED, 3), "own")
    fitted = fit_encoder(source.features, "none")
    encoder = EncoderSpec("count", "none", round(fitted.step), fitted.offset, fitted.scale)
    first = image.layers[0]
    current = encode(encoder, source.features, 1).astype(np.int64) @ first.weight.T.astype(np.int64)
    threshold = np.full(TRAINED, 900)
    bias = threshold - np.rint(current.mean(axis=0)).astype(np.int64)
    own = replace(first, bias=bias.astype(np.int16), threshold_q8=(threshold * ONE_Q8).astype(np.int32))
    return replace(image, encoder=encoder, layers=(own, *image.layers[1:]))


def membrane(weight: NDArray[np.generic], bias: NDArray[np.generic], events: NDArray[np.uint8]) -> NDArray[np.int64]:
    return events.astype(np.int64) @ weight.T.astype(np.int64) + bias.astype(np.int64)


def test_trained_neurons_decide_as_before_and_all_thresholds_have_one_height() -> None:
    source = recordings()
    image = trained(source)
    first = image.layers[0]
    layer = with_whitened(first, image.encoder, source, RANDOM, 1)
    events = encode(image.encoder, source.features, 1)
    before = membrane(first.weight, first.bias, events) * ONE_Q8 >= first.threshold_q8
    after = membrane(layer.weight, layer.bias, events)
    threshold = np.asarray(layer.threshold_q8, np.int64)
    np.testing.assert_array_equal((after * ONE_Q8 >= threshold)[:, :TRAINED], before)
    height = threshold / ONE_Q8 / after.std(axis=0)
    np.testing.assert_allclose(height, HEIGHT, atol=0.05)


def test_random_neurons_see_the_scatter_within_classes_even() -> None:
    source = recordings()
    image = trained(source)
    layer = with_whitened(image.layers[0], image.encoder, source, 400, 1)
    weight = np.asarray(layer.weight[TRAINED:, :FEATURES], np.float64)
    signed = signed_events(encode(image.encoder, source.features, 1))
    within = within_classes(signed, source.labels, source.domain)

    def unevenness(directions: NDArray[np.float64]) -> float:
        """Largest over smallest mean share of the principal axes of the scatter in the currents."""
        variance, vectors = np.linalg.eigh(within.T @ within / len(within))
        power = ((directions @ vectors) ** 2 * variance).mean(axis=0)
        return float(power.max() / power.min())

    unwhitened = np.random.default_rng(0).normal(size=weight.shape)
    assert unevenness(weight) < unevenness(unwhitened) / 5


def test_random_neurons_spike_neither_always_nor_never_on_the_source() -> None:
    source = recordings()
    image = trained(source)
    layer = with_whitened(image.layers[0], image.encoder, source, RANDOM, 1)
    events = encode(image.encoder, source.features, 1)
    threshold = np.asarray(layer.threshold_q8, np.int64)
    share = (membrane(layer.weight, layer.bias, events) * ONE_Q8 >= threshold)[:, TRAINED:].mean(axis=0)
    assert share.min() > 0
    assert share.max() - share.min() > 0.5


def test_switches_read_the_random_neurons_too() -> None:
    source = recordings()
    image = switched_image(trained(source), SwitchSpec(per_class=2 * (TRAINED + RANDOM), random=RANDOM), source)
    assert image.layers[0].n_neurons == TRAINED + RANDOM
    assert (image.layers[1].weight != 0).any(axis=0).all()


def test_random_neurons_need_the_source_and_event_counts() -> None:
    source = recordings()
    image = trained(source)
    with pytest.raises(PretrainError, match="samples of the source"):
        switched_image(image, SwitchSpec(per_class=8, random=4))
    binary = replace(image.encoder, kind="binary")
    with pytest.raises(PretrainError, match="event counts"):
        with_whitened(image.layers[0], binary, source, 4, 0)
    with pytest.raises(PretrainError, match="negative"):
        SwitchSpec(random=-1)
