"""`nt-host bench`: rows, medians and the Markdown that is made of them; no test asserts a time."""

from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from bench import kernels, page
from nt_host.benchmark.loading import loading_of
from nt_host.benchmark.network import NetworkSpec, batches, random_image
from nt_host.benchmark.own import call_rows, silicon_rows, threads_rows
from nt_host.benchmark.row import Row
from nt_host.benchmark.subject import Subject
from nt_host.benchmark.timing import medians_s
from nt_model.learn import LearnState

from .conftest import RunCli

TINY = NetworkSpec((96, 64, 40), 0.25, leak=4)


def test_a_row_judges_its_target() -> None:
    assert Row("a", 2.0, "x", 1.5).verdict == "met"
    assert Row("a", 2.0, "x", 1.5, lower_is_better=True).verdict == "missed"
    assert Row("a", 2.0, "x").verdict == ""


def test_medians_take_cases_in_turns_with_rotating_samples() -> None:
    seen: list[tuple[str, int]] = []
    ticks = itertools.count()
    cases = {name: (lambda index, name=name: seen.append((name, index))) for name in "ab"}
    times = medians_s(cases, 3, clock=lambda: float(next(ticks)))
    assert times == {"a": 1.0, "b": 1.0}
    assert seen[-6:] == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_random_networks_have_the_activity_asked_for() -> None:
    spec = NetworkSpec((2000, 1000), 0.1)
    subject = Subject.build(spec)
    x = batches(spec, 64, 1, 1)[0]
    counts = subject.engine.forward(subject.nominal(), x, 0).counts[0]
    assert abs(float(counts.mean()) - 0.1) < 0.03
    assert random_image(spec).layers[0].weight is subject.image.layers[0].weight


def test_bound_calls_outlive_what_they_were_made_from() -> None:
    call = Subject.build(TINY).forward(3)
    assert [call(index) for index in range(20)] == [0] * 20


def test_learning_step_is_that_of_the_engine() -> None:
    subject = Subject.build(TINY)
    after = subject.learning_step(8)(0)
    assert isinstance(after, LearnState)
    assert (after.codes != subject.codes).any()


def test_own_figures_are_measured() -> None:
    subject = Subject.build(TINY)
    rows = [*silicon_rows(subject, 1), *call_rows(subject, 1)]
    assert all(np.isfinite(row.value) and row.value > 0 for row in rows)


def test_two_threads_stand_beside_two_processes() -> None:
    rows = threads_rows(Subject.build(TINY), 2)
    assert [row.figure.split(",")[0] for row in rows] == ["forward 64", "learning step 64"]
    assert all(
        np.isfinite(row.value) and "two separate processes at once" in row.detail and "after a pause" in row.detail
        for row in rows
    )


@pytest.mark.torch
def test_torch_gives_the_same_spikes() -> None:
    pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")
    from nt_host.benchmark.peers import TorchNetwork

    subject = Subject.build(TINY)
    peer = TorchNetwork(subject.image, quantised=False)
    x = batches(TINY, 16, 4, 1)[0]
    ours = subject.engine.forward(subject.nominal(), x[:, :1], 0).counts[-1]
    assert np.array_equal(ours, peer.forward(peer.floats(x[:, 0])).numpy().astype(np.uint8))
    assert np.array_equal(ours, peer.forward_int_mm(peer.bytes_(x[:, 0])).numpy().astype(np.uint8))


@pytest.mark.torch
def test_snntorch_counts_the_spikes_of_the_torch_loop() -> None:
    pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")
    pytest.importorskip("snntorch", reason="needs the extra nt-host[bench]")
    from nt_host.benchmark.peers import TorchNetwork
    from nt_host.benchmark.snntorch_peer import SnnTorchNetwork

    peer = TorchNetwork(Subject.build(TINY).image, quantised=False)
    x = peer.floats(batches(TINY, 16, 8, 1)[0])
    counts = peer.run_lif(x)
    assert bool((SnnTorchNetwork(peer).run_lif(x) == counts).all())
    assert float(counts.sum()) > 0


def test_loading_is_measured_in_a_program_of_its_own() -> None:
    loading = loading_of(random_image(TINY))
    assert loading.read_s > 0
    assert loading.repack_s > 0
    assert loading.cpu_s > 0
    assert loading.kernel_bytes > 96 * 64 // 2
    assert loading.learn_peak_bytes >= loading.peak_bytes >= 0


def test_markdown_replaces_its_section_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = {"kind": "machine", "processor": "p", "cpus": 2, "kernel": "k", "load": 0.5, "rounds": 3}
    figure = {"kind": "figure", "network": "small", "figure": "f", "value": 2.0, "unit": "x", "target": 1.0}
    fresh = kernels.section([machine, figure | {"lower_is_better": False, "detail": ""}])
    document = tmp_path / "performance.md"
    document.write_text("# Other\n")
    monkeypatch.setattr(page, "DOCUMENT", document)
    page.put("kernels", fresh)
    text = document.read_text()
    assert text.startswith("# Other\n")
    assert "| small | f | 2.00 x | >= 1 x | met |  |" in text
    document.write_text(text + "tail\n")
    page.put("kernels", "new")
    assert document.read_text().endswith("do not edit -->\n\nnew\n\n<!-- kernels: end -->\ntail\n")


@pytest.mark.slow
def test_command_prints_records(cli: RunCli, tmp_path: Path) -> None:
    done = cli("bench", "--network", "small", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found[0]["torch"] == (importlib.util.find_spec("torch") is not None)
    assert {record["kind"] for record in found[1:]} == {"figure"}
