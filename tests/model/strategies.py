"""Random small images for the properties of the golden model."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nt_model.gain import nominal_gain
from nt_model.image import EncoderSpec, Image, Layer, own_domains
from nt_model.weights import PackedWeights


def make_image(seed: int, sizes: tuple[int, ...], *, split: bool = False, classes: int = 3, steps: int = 1) -> Image:
    """Image of random integers with the layer `sizes` (inputs first)."""
    rng = np.random.default_rng(seed)
    maps = own_domains(sizes[1:], split=split)
    layers = tuple(
        Layer(
            PackedWeights.of(rng.integers(-7, 8, (above, below)).astype(np.int8)),
            rng.integers(-20, 20, above).astype(np.int16),
            rng.integers(256, 40 * 256, above).astype(np.int32),
            domain,
        )
        for below, above, domain in zip(sizes, sizes[1:], maps, strict=False)
    )
    encoder = EncoderSpec("rate", "none", 1, np.zeros(sizes[0], np.float32), np.ones(sizes[0], np.float32))
    readout = (np.arange(sizes[-1]) % min(classes, sizes[-1])).astype(np.uint16)
    return Image(layers, nominal_gain(), readout, steps, encoder, {"source": "test"})


sizes = st.lists(st.integers(1, 12), min_size=2, max_size=4).map(tuple)
images = st.builds(make_image, st.integers(0, 2**32), sizes, split=st.booleans(), steps=st.integers(1, 4))
