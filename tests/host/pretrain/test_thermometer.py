"""Thermometer neurons: their spikes tell the place along every axis, and what cannot be measured is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from nt_host.encode import encode
from nt_host.pretrain.spec import PretrainError
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.pretrain.thermometer import thermometer_layer
from nt_host.pretrain.whitened import ONE_Q8
from tests.host.pretrain.test_whitened import FEATURES, membrane, recordings, trained

LEVELS = 8


def spikes(levels: int = LEVELS) -> NDArray[np.bool_]:
    """(600, FEATURES, levels) of the source's samples."""
    source = recordings()
    encoder = trained(source).encoder
    layer = thermometer_layer(encoder, source, levels)
    events = encode(encoder, source.features, 1)
    reached: NDArray[np.int64] = membrane(np.asarray(layer.weight), np.asarray(layer.bias), events) * ONE_Q8
    found = np.greater_equal(reached, np.asarray(layer.threshold_q8, np.int64))
    return found.reshape(len(events), FEATURES, levels)


def test_of_an_axis_all_neurons_below_one_that_spikes_spike_too() -> None:
    assert (np.diff(spikes().astype(int), axis=2) <= 0).all()


def test_thresholds_reach_beyond_the_source() -> None:
    share = spikes(16).mean(axis=0)
    assert (share[:, 0] > 0.99).all()
    assert (share[:, -1] < 0.01).all()
    assert ((share[:, 7] > 0.2) & (share[:, 8] < 0.8)).all()


def test_a_readout_of_the_spikes_comes_near_a_linear_function() -> None:
    source = recordings()
    wanted = source.features @ np.random.default_rng(1).normal(size=FEATURES)
    seen = np.concatenate([spikes(16).reshape(len(wanted), -1), np.ones((len(wanted), 1))], axis=1)
    rest = wanted - seen @ np.linalg.lstsq(seen, wanted, rcond=None)[0]
    assert rest.std() < 0.2 * wanted.std()


def test_all_thresholds_are_alike() -> None:
    source = recordings()
    threshold = np.asarray(thermometer_layer(trained(source).encoder, source, LEVELS).threshold_q8, np.int64)
    assert threshold.max() - threshold.min() <= ONE_Q8


def test_they_take_the_place_of_the_trained_layer_under_switches() -> None:
    source = recordings()
    image = switched_image(trained(source), SwitchSpec(per_class=2 * FEATURES * LEVELS, levels=LEVELS), source)
    assert [layer.n_neurons for layer in image.layers] == [FEATURES * LEVELS, 3 * 2 * FEATURES * LEVELS]


def test_what_cannot_be_measured_is_refused() -> None:
    source = recordings()
    image = trained(source)
    with pytest.raises(PretrainError, match="samples of the source"):
        switched_image(image, SwitchSpec(per_class=8, levels=4))
    with pytest.raises(PretrainError, match="event counts"):
        thermometer_layer(replace(image.encoder, kind="binary"), source, 4)
    for levels, random in ((-1, 0), (4, 4)):
        with pytest.raises(PretrainError, match="levels"):
            SwitchSpec(levels=levels, random=random)
    still = replace(source, features=np.zeros_like(source.features))
    with pytest.raises(PretrainError, match="never change"):
        thermometer_layer(image.encoder, still, 4)
