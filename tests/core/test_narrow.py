"""Layers whose sums stay in 16 bits: spikes by edges, membranes from narrow sums, errors of the first layer over gates;
each where its lanes are narrowest, and just beyond, where another way is taken."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nt_model.core import KERNELS, CoreEngine, HostOptions
from nt_model.core_host import HOST_KERNELS, PATHS
from nt_model.engine import NumpyEngine
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes
from nt_model.operating import Operating
from tests.core.cases import ByteArray, build_events, build_image, differing, wild_operating
from tests.core.test_array import choice_of, few, nominal
from tests.core.test_learn import STATE

HERE = [name for name in KERNELS if name in HOST_KERNELS]
SPIKES = tuple(field.name for field in dataclasses.fields(Spikes))
SECTION = 4352


def whole_domains(operating: Operating) -> Operating:
    """The same point with the gain of the excitatory part for both: split domains have no edges."""
    layers = (dataclasses.replace(one, gain_q12=np.repeat(one.gain_q12[:, :1], 2, axis=1)) for one in operating.layers)
    return Operating(tuple(layers))


def quiet(operating: Operating, leak_q16: int) -> Operating:
    """The same point without noise and with one leak for all."""
    return Operating(
        tuple(
            dataclasses.replace(
                one, noise_q8=np.zeros_like(one.noise_q8), leak_q16=np.full_like(one.leak_q16, leak_q16)
            )
            for one in operating.layers
        )
    )


def assert_same_spikes(
    image: Image, points: list[Operating], x: ByteArray, kernel: str, path: str = "auto"
) -> tuple[ByteArray, ...]:
    """Spikes at three points are those of the golden model; gives the plain ones."""
    engine = CoreEngine(image, kernel=kernel, options=HostOptions(1, path))
    ours = engine.forward_dithered(points[0], points[1], points[2], x, 2**41)
    golden = NumpyEngine(image).forward_dithered(points[0], points[1], points[2], x, 2**41)
    assert differing(ours, golden, SPIKES) == []
    return getattr(golden, SPIKES[0])  # type: ignore[no-any-return]


@few
@given(
    seed=st.integers(0, 2**32 - 1),
    thresholds=st.sampled_from(("reached", "negative", "extreme")),
    biases=st.sampled_from(("small", "extreme")),
    noise=st.booleans(),
    path=st.sampled_from(PATHS),
    kernel=st.sampled_from(HERE),
)
def test_edges_of_any_integers(seed: int, thresholds: str, biases: str, noise: bool, path: str, kernel: str) -> None:
    """Gains from 0 to 65535, thresholds and biases of any size, dead and stuck neurons, noise up to the largest."""
    image = build_image(choice_of((90, 140, 33, 9), seed=seed, thresholds=thresholds, biases=biases))
    points = [whole_domains(wild_operating((seed + k) % 2**32, image, noise_seed=seed)) for k in range(3)]
    if not noise:
        points = [quiet(one, 0) for one in points]
    if thresholds != "extreme":
        layers = [
            tuple(
                dataclasses.replace(one, threshold_q8=layer.threshold_q8)
                for one, layer in zip(point.layers, image.layers, strict=True)
            )
            for point in points
        ]
        points = [Operating(layer) for layer in layers]
    assert_same_spikes(image, points, build_events(seed, "binary", image, 67, 1), kernel, path)


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("gain", [1, 3, 4095, 4096, 65535])
@pytest.mark.parametrize("kernel", HERE)
def test_thresholds_one_beside_a_sum(kernel: str, gain: int, offset: int) -> None:
    """Thresholds that are the drive of a sum that occurs, and one step beside it."""
    image = build_image(choice_of((20, 130, 5), biases="small"))
    x = build_events(3, "binary", image, 9, 1)
    first = image.layers[0]
    current = x[:, 0].astype(np.int64) @ first.weight.T.astype(np.int64) + first.bias
    drive = (current[4] * gain >> 4) + offset
    one = nominal(image).layers[0]
    own = dataclasses.replace(one, gain_q12=np.full_like(one.gain_q12, gain), threshold_q8=drive.astype(np.int32))
    point = Operating((own, *nominal(image).layers[1:]))
    spikes = assert_same_spikes(image, [point] * 3, x, kernel)
    assert 0 < int(spikes[0].sum()) < spikes[0].size


@pytest.mark.parametrize("inputs", [SECTION, SECTION + 1])
@pytest.mark.parametrize("weights", ["all +7", "all -7", "any"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kernel", HERE)
def test_fan_in_at_the_edge_of_a_section(kernel: str, path: str, weights: str, inputs: int) -> None:
    """Every input active: sums of 16 bits are fullest; one input more, and they are 32 bits wide."""
    image = build_image(choice_of((inputs, 131, 4), weights=weights, thresholds="extreme"))
    threshold = np.full(131, 256 * 7 * inputs, np.int32)
    one = nominal(image).layers[0]
    point = Operating((dataclasses.replace(one, threshold_q8=threshold), *nominal(image).layers[1:]))
    x = np.ones((3, 1, inputs), np.uint8)
    x[1, 0, ::3] = 0
    assert_same_spikes(image, [point, nominal(image), point], x, kernel, path)


@pytest.mark.parametrize("steps", [2, 5, 70])
@pytest.mark.parametrize("leak_q16", [0, 1, 4096, 65536])
@pytest.mark.parametrize("kernel", HERE)
def test_membranes_from_narrow_sums(kernel: str, leak_q16: int, steps: int) -> None:
    """Faulty neurons, any gains, samples that end within a tile of 64 rows and beyond it; 70 steps are more."""
    image = build_image(choice_of((40, 200, 70, 5), refractory=0, biases="small"))
    layers = tuple(
        dataclasses.replace(one, threshold_q8=layer.threshold_q8)
        for one, layer in zip(wild_operating(5, image, noise_seed=1).layers, image.layers, strict=True)
    )
    low = tuple(dataclasses.replace(one, gain_q12=one.gain_q12 // 16) for one in layers)
    for chosen in (layers, low):
        point = quiet(whole_domains(Operating(chosen)), leak_q16)
        x = build_events(8, "binary", image, 9, steps)
        assert_same_spikes(image, [point] * 3, x, kernel)
        x[:] = x[:, :1]
        assert_same_spikes(image, [point] * 3, x, kernel)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("neurons", [1, 15, 16, 17, 32, 33, 64, 65, 80, 81, 129, 144, 145])
@pytest.mark.parametrize("kernel", HERE)
def test_blocks_of_few_neurons(kernel: str, neurons: int, steps: int) -> None:
    """Their sums, the vectors of their membranes and the bits they hand up, around the widths where the way changes; in
    a layer that others read, and in the last one."""
    image = build_image(choice_of((150, neurons, neurons), refractory=0, biases="small"))
    point = nominal(image)
    x = build_events(neurons, "binary", image, 35, steps)
    spikes = assert_same_spikes(image, [point] * 3, x, kernel, "events")
    assert 0 < int(spikes[0].sum()) < steps * spikes[0].size


@pytest.mark.parametrize("weights", ["all +7", "all -7"])
@pytest.mark.parametrize("neurons", [16, 17])
@pytest.mark.parametrize("kernel", HERE)
def test_few_neurons_of_a_whole_section(kernel: str, neurons: int, weights: str) -> None:
    """Every input active: the lanes of few neurons are fullest."""
    image = build_image(choice_of((SECTION, neurons, 3), weights=weights, thresholds="extreme"))
    sign = 1 if weights == "all +7" else -1
    one = nominal(image).layers[0]
    limits = 256 * 7 * SECTION * sign + np.arange(neurons, dtype=np.int32) - neurons // 2
    point = Operating((dataclasses.replace(one, threshold_q8=limits.astype(np.int32)), *nominal(image).layers[1:]))
    x = np.ones((3, 1, SECTION), np.uint8)
    spikes = assert_same_spikes(image, [point] * 3, x, kernel, "events")
    assert 0 < int(spikes[0][:, :neurons].sum()) < 3 * neurons


@pytest.mark.parametrize("inputs", [1, 7, 8, 63, 64, 65, 127, 129, 191])
@pytest.mark.parametrize("kernel", HERE)
def test_rows_of_any_rest(kernel: str, inputs: int) -> None:
    """Rows that end within a vector, the next one behind them; the last one at the end of its memory."""
    image = build_image(choice_of((inputs, 20, 3), biases="small"))
    for events in ("binary", "counts"):
        x = build_events(inputs, events, image, 5, 1)
        assert_same_spikes(image, [nominal(image)] * 3, x, kernel)


@pytest.mark.parametrize("outputs", [1, 4, 5, 9, 10, 18, 19, 4681, 4682])
@pytest.mark.parametrize("kernel", HERE)
def test_errors_of_the_first_layer_at_the_edges_of_a_byte(kernel: str, outputs: int) -> None:
    """Errors of 7 per output: 28 and 35, 63 and 70, 126 and 133, 32,767 and 32,774; two tiles of samples, two blocks of
    neurons, gates of the first layer in words that are not full."""
    assert_same_steps(kernel, (3, 70, 130, outputs), "all +7")
    assert_same_steps(kernel, (3, 70, 130, outputs), "any")


@pytest.mark.parametrize("neurons", [63, 64, 65, SECTION, SECTION + 1])
@pytest.mark.parametrize("kernel", HERE)
def test_gates_of_first_layers_of_any_width(kernel: str, neurons: int) -> None:
    assert_same_steps(kernel, (2, neurons, 5, 3), "any")


def assert_same_steps(kernel: str, sizes: tuple[int, ...], weights: str) -> None:
    image = build_image(choice_of(sizes, weights=weights))
    rng = np.random.default_rng(1)
    batch = 70
    state = LearnState.at(rng.integers(0, 256, image.n_codes).astype(np.uint8))
    labels = rng.integers(-1, image.n_classes, batch)
    labels[:9] = -1
    gates = tuple(rng.integers(0, 2, (batch, one.n_neurons)).astype(np.uint8) for one in image.layers[:-1])
    full = tuple(np.ones_like(one) for one in gates)
    silent = tuple(np.zeros_like(one) for one in gates)
    fires = np.ones((batch, sizes[-1]), np.uint8)
    for plus in (gates, full, silent):
        spikes = Spikes((*silent, fires), (*plus, fires), (*silent, 0 * fires))
        ours = CoreEngine(image, kernel=kernel).learn(state, spikes, labels, LearnSettings())
        assert differing(ours, NumpyEngine(image).learn(state, spikes, labels, LearnSettings()), STATE) == []
