"""Stimulus: the same integers as the equations of the array, one layer at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_model import array
from nt_model.corner import CORNERS
from nt_model.image import CODE_DEFAULT
from nt_model.silicon import Silicon
from nt_model.stimulus import Stimulus, stimulate
from tests.model.strategies import make_image


@settings(max_examples=40, deadline=None)
@given(st.booleans(), st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 9), st.integers(0, 1))
def test_a_stimulus_is_the_layer_run_on_these_events(
    split: bool, seed: int, n_steps: int, n_repeats: int, index: int
) -> None:
    image = make_image(seed, (11, 8, 5), split=split, classes=2)
    silicon = Silicon.draw(image, CORNERS["wild"], seed)
    layer = image.layers[index]
    rng = np.random.default_rng(seed)
    inputs = np.flatnonzero(rng.random(layer.n_inputs) < 0.5)
    events = rng.integers(0, 256, len(inputs)).astype(np.uint8)
    operating = silicon.operating(np.full(image.n_codes, CODE_DEFAULT, np.uint8)).layers[index]
    counts = stimulate(layer, operating, Stimulus(index, inputs, events, n_steps, n_repeats), 1000)
    x = np.zeros((n_repeats, n_steps, layer.n_inputs), np.uint8)
    x[:, :, inputs] = events
    first = 1000 + np.arange(n_repeats) * n_steps
    raster = array.run_layer(layer, operating, x, first, index).raster
    assert (counts == raster.sum(axis=(0, 1))).all()


@pytest.mark.parametrize(("inputs", "n_steps", "n_repeats"), [([1, 1], 1, 1), ([2, 1], 1, 1), ([0, 1], 16, 16)])
def test_a_stimulus_out_of_range_is_refused(inputs: list[int], n_steps: int, n_repeats: int) -> None:
    with pytest.raises(ValueError, match=r"ascend|steps"):
        Stimulus(0, np.array(inputs), np.ones(2, np.uint8), n_steps, n_repeats)
