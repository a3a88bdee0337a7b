"""Random images, chips and inputs that reach the corners of the integer formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nt_model.core import KERNELS, CoreEngine, HostOptions
from nt_model.core_host import PATHS
from nt_model.corner import CORNERS, Corner
from nt_model.gain import nominal_gain
from nt_model.image import EncoderSpec, Image, Layer, own_domains
from nt_model.learn import LearnSettings
from nt_model.operating import LayerOperating, Operating
from nt_model.silicon import Conditions, Silicon
from nt_model.weights import PackedWeights

ByteArray = NDArray[np.uint8]
INT32 = np.iinfo(np.int32)

WEIGHTS = ("any", "all +7", "all -7", "sparse", "zero rows")
BIASES = ("small", "extreme")
THRESHOLDS = ("reached", "negative", "extreme")
DOMAINS = ("own", "split", "shared", "mixed")
EVENTS = ("binary", "dense", "counts", "ones and more", "full", "none")


@dataclass(frozen=True)
class ImageChoice:
    """What a drawn image looks like; printed when a test fails."""

    seed: int
    sizes: tuple[int, ...]
    weights: str
    biases: str
    thresholds: str
    domains: str
    leak: int
    refractory: int
    steps: int


def _weight(rng: np.random.Generator, style: str, shape: tuple[int, int]) -> NDArray[np.int8]:
    if style.startswith("all"):
        return np.full(shape, int(style[4:]), np.int8)
    weight = rng.integers(-7, 8, shape).astype(np.int8)
    if style == "sparse":
        weight *= rng.random(shape) < 0.1
    if style == "zero rows":
        weight[rng.random(shape[0]) < 0.5] = 0
    return weight


def _bias(rng: np.random.Generator, style: str, neurons: int) -> NDArray[np.int16]:
    if style == "extreme":
        return rng.choice(np.array([-32768, -1, 0, 1, 32767], np.int16), neurons)
    return rng.integers(-20, 21, neurons).astype(np.int16)


def _threshold(rng: np.random.Generator, style: str, neurons: int, inputs: int) -> NDArray[np.int32]:
    if style == "extreme":
        return rng.choice(np.array([INT32.min, INT32.min + 1, 0, INT32.max - 1, INT32.max], np.int32), neurons)
    scale = 256 * int(2 + 4 * inputs**0.5)
    low = -scale if style == "negative" else 1
    return rng.integers(low, scale, neurons).astype(np.int32)


def _domain_maps(rng: np.random.Generator, style: str, sizes: tuple[int, ...]) -> tuple[NDArray[np.uint16], ...]:
    if style in ("own", "split"):
        return own_domains(sizes, split=style == "split")
    count = sum(sizes)
    pairs = rng.integers(0, max(1, count // 2), (count, 2))
    if style == "shared":
        pairs[:, 1] = pairs[:, 0]
    dense = np.unique(pairs, return_inverse=True)[1].reshape(count, 2).astype(np.uint16)
    return tuple(np.ascontiguousarray(part) for part in np.split(dense, np.cumsum(sizes)[:-1]))


def build_image(choice: ImageChoice) -> Image:
    """The image of `choice`, always the same one."""
    rng = np.random.default_rng(choice.seed)
    sizes = choice.sizes
    maps = _domain_maps(rng, choice.domains, sizes[1:])
    layers = tuple(
        Layer(
            PackedWeights.of(_weight(rng, choice.weights, (above, below))),
            _bias(rng, choice.biases, above),
            _threshold(rng, choice.thresholds, above, below),
            domain,
            choice.leak,
            choice.refractory,
        )
        for below, above, domain in zip(sizes, sizes[1:], maps, strict=False)
    )
    encoder = EncoderSpec("rate", "none", 1, np.zeros(sizes[0], np.float32), np.ones(sizes[0], np.float32))
    readout = (np.arange(sizes[-1]) % min(4, sizes[-1])).astype(np.uint16)
    return Image(layers, nominal_gain(), readout, choice.steps, encoder, {"source": "test"})


def build_events(seed: int, style: str, image: Image, batch: int, steps: int) -> ByteArray:
    """(batch, steps, M) events of one style."""
    rng = np.random.default_rng(seed)
    shape = (batch, steps, image.n_inputs)
    chosen = rng.random(shape)
    if style == "counts":
        return np.where(chosen < 0.5, rng.integers(0, 256, shape), chosen < 0.7).astype(np.uint8)
    if style == "ones and more":
        return np.where(chosen < 0.5, 1, 2 + 253 * (chosen > 0.6)).astype(np.uint8)
    if style == "full":
        return np.full(shape, 255, np.uint8)
    share = {"binary": 0.25, "dense": 0.97, "none": 0.0}[style]
    return (chosen < share).astype(np.uint8)


def wild_operating(seed: int, image: Image, noise_seed: int) -> Operating:
    """An operating point of any integers that the formats allow, whether or not a chip could have them."""
    rng = np.random.default_rng(seed)

    def layer(neurons: int) -> LayerOperating:
        gain = rng.choice(np.array([0, 1, 4096, 65535, *rng.integers(0, 65536, 4)], np.uint16), (neurons, 2))
        return LayerOperating(
            gain_q12=gain,
            threshold_q8=rng.choice(np.array([INT32.min, -999, 0, 999, 99_999, INT32.max], np.int32), neurons),
            leak_q16=rng.choice(np.array([0, 1, 32768, 65535, 65536], np.uint32), neurons),
            noise_q8=rng.choice(np.array([0, 1, 300, 65535], np.uint16), neurons),
            noise_seed=noise_seed,
            fault=rng.choice(np.array([-1, 0, 0, 0, 0, 0, 1], np.int8), neurons),
        )

    return Operating(tuple(layer(one.n_neurons) for one in image.layers))


WORN_OUT = Corner(
    "worn out",
    gain_spread_ppm=400_000,
    threshold_spread_ppm=300_000,
    leak_spread_ppm=500_000,
    noise_ppm=300_000,
    dac_offset_mlsb=8000,
    dac_gain_ppm=60_000,
    dac_inl_mlsb=5000,
    dac_dnl_mlsb=3000,
    dead_ppm=100_000,
    stuck_ppm=100_000,
)

layer_sizes = st.one_of(
    st.lists(st.integers(1, 40), min_size=2, max_size=5).map(tuple),
    st.tuples(st.integers(1, 900), st.integers(1, 40), st.integers(1, 9)),
    st.tuples(st.integers(1, 20), st.integers(120, 300), st.integers(1, 40)),
)
image_choices = st.builds(
    ImageChoice,
    seed=st.integers(0, 2**32 - 1),
    sizes=layer_sizes,
    weights=st.sampled_from(WEIGHTS),
    biases=st.sampled_from(BIASES),
    thresholds=st.sampled_from(THRESHOLDS),
    domains=st.sampled_from(DOMAINS),
    leak=st.integers(0, 16),
    refractory=st.one_of(st.integers(0, 3), st.just(255)),
    steps=st.integers(1, 12),
)
seeds = st.integers(0, 2**64 - 1)
settings_of_rule = st.builds(
    LearnSettings,
    hidden_dither_code=st.integers(1, 127),
    output_dither_code=st.integers(1, 127),
    rate_q8=st.integers(1, 32767),
    max_move_code=st.integers(1, 127),
    code_min=st.integers(0, 127),
    code_max=st.integers(127, 255),
)


@dataclass(frozen=True)
class RunChoice:
    """A chip, its codes and what is shown to it."""

    image: ImageChoice
    chip: str
    seed: int
    events: str
    batch: int
    first_step: int
    block_neurons: int
    kernel: str
    path: str
    threads: int

    def engine(self, image: Image) -> CoreEngine:
        return CoreEngine(image, self.block_neurons, self.kernel, HostOptions(self.threads, self.path, thread_us=0))

    def build(self) -> tuple[Image, ByteArray]:
        image = build_image(self.image)
        return image, build_events(self.seed % 2**32, self.events, image, self.batch, self.image.steps)

    def operating(self, image: Image, codes: ByteArray, point: int = 0) -> Operating:
        """Operating point of the chip at `codes`; a wild one is drawn anew for each `point` instead."""
        if self.chip == "wild":
            return wild_operating((self.seed + point) % 2**32, image, noise_seed=self.seed + point // 2)
        corner = WORN_OUT if self.chip == "worn out" else CORNERS[self.chip]
        return Silicon.draw(image, corner, self.seed).operating(codes, Conditions(self.batch * 1000, -self.batch * 500))

    def codes(self, image: Image) -> ByteArray:
        return np.random.default_rng(self.seed % 2**32).integers(0, 256, image.n_codes).astype(np.uint8)


run_choices = st.builds(
    RunChoice,
    image=image_choices,
    chip=st.sampled_from(("ideal", "typical", "worn", "worn out", "wild")),
    seed=seeds,
    events=st.sampled_from(EVENTS),
    batch=st.integers(1, 3),
    first_step=st.one_of(st.integers(0, 1000), st.integers(2**40, 2**43)),
    block_neurons=st.sampled_from((0, 8, 24, 128)),
    kernel=st.sampled_from(KERNELS),
    path=st.sampled_from(PATHS),
    threads=st.sampled_from((1, 2, 3)),
)


def differing(left: Any, right: Any, fields: tuple[str, ...]) -> list[str]:
    """Names of the fields in which two results differ, with the layer; empty when they are bit-identical."""
    found = []
    for name in fields:
        ours, theirs = getattr(left, name), getattr(right, name)
        if not isinstance(ours, tuple):
            ours, theirs = (ours,), (theirs,)
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            if one.dtype != other.dtype or not np.array_equal(one, other):
                found.append(f"{name}[{index}]")
    return found
