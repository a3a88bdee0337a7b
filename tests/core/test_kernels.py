"""Kernels of hosts: chosen by name or environment, refused clearly, each exact where its lanes are narrowest."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from nt_model.core import KERNELS, CoreEngine, HostOptions
from nt_model.core_host import HOST_KERNELS, PATHS, HostArray, chosen_kernel, dot_peak, memory_read
from nt_model.core_values import Results
from nt_model.engine import NumpyEngine
from nt_model.errors import EnvironmentMissingError, UsageError
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes, dithered_codes
from nt_model.operating import Operating, ideal_operating
from nt_model.weights import PackedWeights
from tests.core.cases import build_events, build_image, differing
from tests.core.test_array import FORWARD, choice_of, nominal
from tests.core.test_learn import STATE

HERE = [name for name in KERNELS if name in HOST_KERNELS]


@pytest.mark.parametrize("kernel", KERNELS)
def test_environment_forces_a_kernel(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NT_KERNEL", kernel)
    assert CoreEngine(build_image(choice_of((30, 20, 5)))).kernel == kernel


def test_without_a_wish_the_first_kernel_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NT_KERNEL", raising=False)
    assert chosen_kernel() == KERNELS[0]


def test_an_unknown_kernel_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NT_KERNEL", "mmx")
    with pytest.raises(UsageError, match="mmx"):
        chosen_kernel()


def test_a_kernel_of_another_machine_is_an_environment_error() -> None:
    foreign = [name for name in HOST_KERNELS if name not in KERNELS]
    assert foreign, "no machine runs x86 and ARM kernels alike"
    with pytest.raises(EnvironmentMissingError, match="cannot run"):
        chosen_kernel(foreign[0])


def test_command_line_says_what_to_do_about_an_unknown_kernel() -> None:
    environment = os.environ | {"NT_KERNEL": "mmx"}
    program = (
        "from nt_host.cli.main import run; raise SystemExit(run(['bench', '--network', 'small', '--rounds', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unset NT_KERNEL" in done.stderr


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 65}, {"path": "guess"}, {"thread_us": -1}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        HostOptions(**options)  # type: ignore[arg-type]


def test_leak_beyond_one_is_refused() -> None:
    image = build_image(choice_of((30, 20, 5)))
    wrong = Operating(tuple(dataclasses.replace(one, leak_q16=one.leak_q16 + 65536) for one in nominal(image).layers))
    with pytest.raises(UsageError, match="leak"):
        CoreEngine(image).forward(wrong, build_events(1, "binary", image, 1, 1), 0)


@pytest.mark.parametrize("weights", ["all +7", "all -7", "any"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kernel", HERE)
def test_fan_in_beyond_16_bit_lanes(kernel: str, path: str, weights: str) -> None:
    """9001 inputs are more than the 4352 after which 16-bit lanes are emptied; 70 rows are more than one tile."""
    image = build_image(choice_of((9001, 130, 3), weights=weights, thresholds="extreme"))
    x = build_events(5, "dense", image, 70, 1)
    ours = CoreEngine(image, kernel=kernel, options=HostOptions(1, path)).forward(nominal(image), x, 0)
    assert differing(ours, NumpyEngine(image).forward(nominal(image), x, 0), FORWARD) == []


@pytest.mark.parametrize("style", ["binary", "dense", "counts", "none"])
@pytest.mark.parametrize("batch", [1, 2, 9, 40, 65])
@pytest.mark.parametrize("kernel", HERE)
def test_event_lists_of_every_order(kernel: str, batch: int, style: str) -> None:
    """Few rows of weights beyond the cache take their columns scattered, one row alone in narrow vectors; more rows
    share them, in reaches that their activity sets."""
    image = build_image(choice_of((9001, 130, 3), domains="split" if batch == 2 else "own"))
    x = build_events(batch, style, image, batch, 1)
    ours = CoreEngine(image, kernel=kernel, options=HostOptions(1, "events")).forward(nominal(image), x, 0)
    assert differing(ours, NumpyEngine(image).forward(nominal(image), x, 0), FORWARD) == []


@pytest.mark.parametrize("kernel", HERE)
@pytest.mark.parametrize("chip", ["quiet", "noisy"])
def test_inputs_that_stay_over_time_are_summed_once(kernel: str, chip: str) -> None:
    """200 equal steps are more than a tile of noise; more samples than a chunk holds."""
    image = build_image(choice_of((40, 150, 3), refractory=2))
    noise = np.uint16(300 if chip == "noisy" else 0)
    layers = (dataclasses.replace(one, noise_q8=np.full_like(one.noise_q8, noise)) for one in nominal(image).layers)
    operating = Operating(tuple(layers))
    x = np.repeat(build_events(5, "counts", image, 7, 1), 200, axis=1)
    ours = CoreEngine(image, kernel=kernel).forward(operating, x, 11)
    assert differing(ours, NumpyEngine(image).forward(operating, x, 11), FORWARD) == []


@pytest.mark.parametrize("noise", [0, 1, 300, 65535])
@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("kernel", HERE)
def test_counts_alone_are_those_of_the_golden_model(kernel: str, steps: int, noise: int) -> None:
    """Without membranes, noise is drawn only for neurons that it can reach, and no membrane is kept to saturate."""
    image = build_image(choice_of((300, 150, 9), thresholds="reached"))
    layers = (dataclasses.replace(one, noise_q8=np.full_like(one.noise_q8, noise)) for one in nominal(image).layers)
    operating = Operating(tuple(layers))
    x = build_events(5, "binary", image, 70, steps)
    array = CoreEngine(image, kernel=kernel).array
    assert isinstance(array, HostArray)
    results = Results(np.empty((1, len(x), image.n_neurons), np.uint8), None)
    array.prepared([operating], x, 2**41, results)()
    expected = np.concatenate(NumpyEngine(image).forward(operating, x, 2**41).counts, axis=1)
    assert np.array_equal(results.counts[0], expected)
    assert 0 < expected.sum() < steps * expected.size


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kernel", HERE)
def test_errors_of_one_to_four_bytes(kernel: str, threads: int) -> None:
    """Each layer of 40 neurons of weight 7 multiplies an error by up to 280: 1, 280, 78,400, 21,952,000."""
    image = build_image(choice_of((3, 40, 40, 40, 40), weights="all +7"))
    rng = np.random.default_rng(1)
    gates = tuple(np.ones((9, layer.n_neurons), np.uint8) for layer in image.layers)
    silent = tuple(np.zeros_like(one) for one in gates)
    state, labels = LearnState.at(rng.integers(0, 256, image.n_codes).astype(np.uint8)), rng.integers(0, 4, 9)
    engine = CoreEngine(image, kernel=kernel, options=HostOptions(threads, thread_us=0))
    for spikes in (Spikes(silent, gates, silent), Spikes(silent, silent, gates)):
        ours = engine.learn(state, spikes, labels, LearnSettings())
        assert differing(ours, NumpyEngine(image).learn(state, spikes, labels, LearnSettings()), STATE) == []


@pytest.mark.parametrize("sizes", [(40, 1, 2), (70, 129, 9), (33, 250, 12)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_spare_nibbles_of_a_file_count_for_nothing(kernel: str, sizes: tuple[int, ...]) -> None:
    """Those of a file that another compiler wrote: columns are padded to eight neurons."""
    image = build_image(choice_of(sizes))
    rng = np.random.default_rng(4)
    layers = []
    for layer in image.layers:
        columns, neurons = layer.packed.columns.copy(), layer.n_neurons
        noise = rng.integers(1, 16, columns.shape, np.uint8) | rng.integers(1, 16, columns.shape, np.uint8) << 4
        columns[:, (neurons + 1) // 2 :] = noise[:, (neurons + 1) // 2 :]
        if neurons % 2:
            columns[:, neurons // 2] = (columns[:, neurons // 2] & 15) | (noise[:, neurons // 2] & 0xF0)
        layers.append(dataclasses.replace(layer, packed=PackedWeights(columns, neurons)))
    other = dataclasses.replace(image, layers=tuple(layers))
    assert any((a.packed.columns != b.packed.columns).any() for a, b in zip(image.layers, other.layers, strict=True))
    ours, golden = CoreEngine(other, kernel=kernel), NumpyEngine(image)
    x = build_events(3, "counts", image, 9, 1)
    assert differing(ours.forward(nominal(image), x, 0), golden.forward(nominal(image), x, 0), FORWARD) == []
    state, labels = LearnState.at(np.full(image.n_codes, 128, np.uint8)), np.arange(9) % image.n_classes
    after = ours.learn_nominal(state, x, labels, LearnSettings())
    plus, minus = (
        ideal_operating(image, dithered_codes(image, state.codes, LearnSettings(), sign)) for sign in (1, -1)
    )
    spikes = golden.forward_dithered(nominal(image), plus, minus, x, 0)
    assert differing(after, golden.learn(state, spikes, labels, LearnSettings()), STATE) == []


def big_image() -> Image:
    return build_image(choice_of((2000, 700, 40)))


@pytest.mark.parametrize("kernel", HERE)
def test_layers_with_enough_work_take_several_threads(kernel: str) -> None:
    image = big_image()
    operating = ideal_operating(image, np.full(image.n_codes, 128, np.uint8))
    x = build_events(5, "binary", image, 128, 1)
    ours = CoreEngine(image, kernel=kernel, options=HostOptions(3)).forward(operating, x, 0)
    assert differing(ours, NumpyEngine(image).forward(operating, x, 0), FORWARD) == []


@pytest.mark.parametrize(
    ("sizes", "transposed"),
    [((2048, 512, 128), 0), ((2048, 512, 128, 128), 128 * 128 // 2 + 64)],
    ids=("errors go down over the first layer alone", "errors go down through a layer"),
)
def test_repacked_weights_take_little_more_than_the_packed_ones(sizes: tuple[int, ...], transposed: int) -> None:
    image = build_image(choice_of(sizes))
    engine = CoreEngine(image, kernel=HERE[0])
    assert isinstance(engine.array, HostArray)
    forward = image.n_synapses // 2 + 64 * sum(size // 128 for size in sizes[1:])
    assert engine.array.weight_bytes == forward
    state, events = LearnState.at(np.full(image.n_codes, 128, np.uint8)), build_events(1, "binary", image, 4, 1)
    engine.learn_nominal(state, events, np.zeros(4, np.int64), LearnSettings())
    assert engine.array.weight_bytes == forward + transposed
    assert engine.array.total_bytes >= engine.array.weight_bytes


@pytest.mark.parametrize("kernel", HERE)
def test_kernels_take_the_packed_weights_as_they_are(kernel: str) -> None:
    """Neither packed again nor made int8, which is the negative control, on the way into the kernels."""
    image = build_image(choice_of((2048, 1024, 8)))
    packed = sum(layer.packed.columns.nbytes for layer in image.layers)
    events = build_events(1, "binary", image, 2, 1)
    tracemalloc.start()
    try:
        engine = CoreEngine(image, kernel=kernel)
        engine.forward(nominal(image), events, 0)
        state = LearnState.at(np.full(image.n_codes, 128, np.uint8))
        engine.learn_nominal(state, events, np.zeros(2, np.int64), LearnSettings())
        used = tracemalloc.get_traced_memory()[1]
        assert image.layers[0].weight.any()
        unpacked = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used < packed / 2
    assert unpacked > 1.9 * packed


@pytest.mark.parametrize("kernel", HERE)
def test_measures_of_the_machine_do_their_work(kernel: str) -> None:
    assert dot_peak(kernel, 10) % 10 == 0
    data = np.arange(4096, dtype=np.uint32)
    assert memory_read(kernel, data.view(np.uint8)) == int(data.sum())
