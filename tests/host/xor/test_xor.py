"""XOR: the same counts on every implementation, and a network that is not XOR is told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nt_host.xor.in_circuit import run_image
from nt_host.xor.network import CASES, LEAST_SPIKES_OF_ONE, logic_of, xor_events, xor_image
from nt_host.xor.study import chip_answer, circuit_answer, engine_answer
from nt_model.errors import UsageError
from nt_model.weights import PackedWeights
from tests.host.conftest import small_image

OUTPUT = (0, 4, 4, 2)
HIDDEN = ((0, 0), (0, 4), (4, 0), (2, 2))


@pytest.mark.parametrize("engine", ["numpy", "c"])
def test_the_models_count_the_papers_two_and_four(engine: str) -> None:
    answer = engine_answer(xor_image(), engine)
    assert answer.output == OUTPUT
    assert answer.hidden == HIDDEN
    assert [logic_of(count) for count in answer.output] == [a ^ b for a, b in CASES]


def test_a_simulated_chip_counts_the_same() -> None:
    assert chip_answer(xor_image(), "sim:ideal").output == OUTPUT


@pytest.mark.circuit
def test_the_circuit_counts_the_same(ngspice: None) -> None:
    answer = circuit_answer(xor_image())
    assert (answer.output, answer.hidden) == (OUTPUT, HIDDEN)


@pytest.mark.circuit
def test_without_inhibition_the_circuit_does_not_compute_xor(ngspice: None) -> None:
    """Negative control: both input neurons then fire on both trains, and two ones count as a one."""
    image = xor_image()
    excited = PackedWeights.of(np.maximum(image.layers[0].weight, 0))
    image = replace(image, layers=(replace(image.layers[0], packed=excited), *image.layers[1:]))
    traces = run_image(image, np.full(image.n_codes, 128, np.uint8), xor_events(image))
    assert traces[3][1][0].spikes >= LEAST_SPIKES_OF_ONE


def test_an_image_that_is_no_small_circuit_is_refused() -> None:
    image = small_image()
    with pytest.raises(UsageError, match="no netlist"):
        run_image(image, np.full(image.n_codes, 128, np.uint8), np.zeros((1, 1, image.n_inputs), np.uint8))


def test_the_packaged_files_hold_the_device_parameters() -> None:
    import nt_model

    assert (Path(nt_model.__file__).parent / "devices.toml").is_file()
