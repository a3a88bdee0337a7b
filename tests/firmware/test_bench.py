"""The array's cost on the STM32F405 in instructions (exact, not timed), and the kernel for its DSP extension."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.firmware.conftest import FIRMWARE, make, tool_require

pytestmark = pytest.mark.emulator

KERNEL_LIMIT = {"portable": 1.5, "dsp": 1.0}
PASS_LIMIT = {"portable": 3.2, "dsp": 2.6}
"""Instructions per active synapse of a 784-128-10 network: of the kernel alone, and of a whole pass."""
LEARN_LIMIT = 3.0
"""Forward passes that learning one sample costs."""


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nt_bench", FIRMWARE / "bench" / "nt_bench.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows(build_root: Path, bench: ModuleType) -> dict[str, list[dict[str, int]]]:
    """Measurements by kernel table."""
    tool_require("make", "arm-none-eabi-gcc", "qemu-system-arm")
    program = build_root / "stm32f405" / "nt-bench.elf"
    result = make(str(program), build_root)
    assert (result.returncode, result.stderr) == (0, "")
    table: dict[str, list[dict[str, int]]] = {}
    kernel = "none"
    for row in bench.bench_run(program, bench.NETWORKS["digits"]):
        if len(row) == 1:
            kernel = row["measurement"]
        table.setdefault(kernel, []).append(row)
    return table


@pytest.mark.parametrize("kernel", ["portable", "dsp"])
def test_kernels_agree_and_are_cheap(rows: dict[str, list[dict[str, int]]], kernel: str) -> None:
    measured = {row["measurement"]: row for row in rows[kernel]}
    assert measured["kernel_sum_add"]["different"] == measured["kernel_column_dot"]["different"] == 0
    add = measured["kernel_sum_add"]
    assert add["instructions"] <= KERNEL_LIMIT[kernel] * add["synapses"]


@pytest.mark.parametrize("kernel", ["portable", "dsp"])
def test_pass_is_cheap(rows: dict[str, list[dict[str, int]]], kernel: str) -> None:
    for row in rows[kernel]:
        if row["measurement"] == "forward":
            assert row["instructions"] <= PASS_LIMIT[kernel] * row["synapses"]


@pytest.mark.parametrize("kernel", ["portable", "dsp"])
def test_learning_a_sample_costs_at_most_three_passes(rows: dict[str, list[dict[str, int]]], kernel: str) -> None:
    for row in rows[kernel]:
        if row["measurement"] == "learn":
            cost = row["dithered_pass"] + row["accumulate"] + row["finish"] / row["batch"]
            assert cost <= LEARN_LIMIT * row["forward"]
