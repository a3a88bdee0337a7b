"""Homeostasis: hidden neurons return to their rates without a label; output neurons are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_host.adapt.homeostasis import MOST_SAMPLES, hidden_counts, settle, some
from nt_host.connect import ChipOptions, connected
from nt_model.errors import UsageError
from nt_model.image_file import LoadedImage, image_bytes, parse_image
from tests.host.conftest import small_image

SIM = ChipOptions("sim:ideal,seed=1", engine="c")


@pytest.fixture
def high() -> LoadedImage:
    """An image whose hidden thresholds are high enough for a gain to matter."""
    image = small_image()
    first = replace(image.layers[0], threshold_q8=np.full(12, 60 * 256, np.int32))
    return parse_image(image_bytes(replace(image, layers=(first, *image.layers[1:]))))


def worlds(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Events of a source, and the same at seven tenths of the sensitivity, within reach of the gains."""
    rng = np.random.default_rng(0)
    events = rng.integers(0, 12, (n, 12))
    return events.astype(np.uint8), (events * 7 // 10).astype(np.uint8)


def test_rates_return_and_output_codes_stay(high: LoadedImage) -> None:
    loaded = high
    source, weak = worlds()
    n_hidden = len(loaded.image.layers[0].weight)
    with connected(SIM, loaded) as chip:
        start = chip.read_codes()[0]
        wanted = hidden_counts(chip, source)[0]
        before = np.abs(hidden_counts(chip, weak)[0] - wanted).sum()
        settle(chip, loaded.image, source, weak, rounds=24)
        after = np.abs(hidden_counts(chip, weak)[0] - wanted).sum()
        codes = chip.read_codes()[0]
    assert before > 0
    assert after < before / 2
    assert (codes[n_hidden:] == start[n_hidden:]).all()


def test_an_unchanged_world_moves_nothing(loaded: LoadedImage) -> None:
    source, _ = worlds()
    with connected(SIM, loaded) as chip:
        start = chip.read_codes()[0]
        settle(chip, loaded.image, source, source, rounds=3)
        assert (chip.read_codes()[0] == start).all()


def test_no_rounds_are_refused_and_large_samples_are_thinned(loaded: LoadedImage) -> None:
    source, weak = worlds()
    with connected(SIM, loaded) as chip, pytest.raises(UsageError, match="homeostasis"):
        settle(chip, loaded.image, source, weak, rounds=0)
    many = np.arange(1000, dtype=np.uint16).astype(np.uint8)[:, None]
    assert len(some(many, 3)) == MOST_SAMPLES
    assert len(some(many[:9], 3)) == 9
