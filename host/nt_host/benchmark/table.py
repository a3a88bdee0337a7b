"""The table of the benchmark, group by group, so that it can be shown as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nt_host.benchmark.loading import loading_rows
from nt_host.benchmark.network import LARGE, SMALL, NetworkSpec
from nt_host.benchmark.own import call_rows, kernel_rows, memory_rows, roofline_rows, silicon_rows, threads_rows
from nt_host.benchmark.peers import TorchNetwork
from nt_host.benchmark.row import Row
from nt_host.benchmark.subject import Subject
from nt_host.benchmark.versus import forward_times, lif_rows, ratio, step_times

FEW_OUTPUTS = 0.001
"""Share of output neurons that spike, as in a trained classifier of 1000 classes: errors below then fit 8 bits."""


@dataclass(frozen=True)
class Plan:
    """`rounds` of the large network, more of the small one; `torch`: with the peers."""

    rounds: int
    torch: bool
    large: bool
    small: bool


def _large_own(plan: Plan) -> Iterator[Row]:
    subject = Subject.build(NetworkSpec(LARGE))
    yield from roofline_rows(subject, plan.rounds)
    yield from memory_rows(subject)
    yield from loading_rows(subject.image)
    yield from silicon_rows(subject, plan.rounds)
    yield from kernel_rows(subject, plan.rounds)
    yield from threads_rows(subject, plan.rounds)


def _large_forward(plan: Plan) -> Iterator[Row]:
    subject = Subject.build(NetworkSpec(LARGE))
    peer = TorchNetwork(subject.image, quantised=True)
    for batch, targets in ((64, {"float32": 22, "int_mm": 3.2, "dynamic": 2.5}), (1, {"float32": 24, "dynamic": 5})):
        times = forward_times(subject, peer, batch, plan.rounds)
        for name, target in targets.items():
            yield ratio(f"forward {batch}", times, name, target)


def _large_sparse(plan: Plan) -> Iterator[Row]:
    for activity in (0.05, 0.1):
        subject = Subject.build(NetworkSpec(LARGE, activity))
        times = forward_times(subject, TorchNetwork(subject.image, quantised=False), 64, plan.rounds)
        yield ratio(f"forward 64, {activity:.0%} active", times, "float32", 40)


def _large_steps(plan: Plan) -> Iterator[Row]:
    for figure, share, target in (("8-bit errors", FEW_OUTPUTS, 16), ("16-bit errors", 0.0, 14)):
        subject = Subject.build(NetworkSpec(LARGE, output_activity=share))
        times = step_times(subject, TorchNetwork(subject.image, quantised=False), 64, plan.rounds)
        yield ratio(f"learning step 64, {figure}", times, "float32", target)


def _large_lif(plan: Plan) -> Iterator[Row]:
    subject = Subject.build(NetworkSpec(LARGE, leak=4))
    peer = TorchNetwork(subject.image, quantised=False)
    yield from lif_rows(subject, peer, max(1, plan.rounds // 3), 26)


def _small_own(plan: Plan) -> Iterator[Row]:
    subject = Subject.build(NetworkSpec(SMALL))
    yield from silicon_rows(subject, 3 * plan.rounds)
    yield from call_rows(subject, 3 * plan.rounds)


def _small_versus(plan: Plan) -> Iterator[Row]:
    rounds = 3 * plan.rounds
    subject = Subject.build(NetworkSpec(SMALL))
    peer = TorchNetwork(subject.image, quantised=False)
    lif = Subject.build(NetworkSpec(SMALL, leak=4))
    lif_peer = TorchNetwork(lif.image, quantised=False)
    yield ratio("forward 64", forward_times(subject, peer, 64, rounds), "float32", 14)
    yield ratio("learning step 64", step_times(subject, peer, 64, rounds), "float32", 11)
    yield ratio("forward 1", forward_times(subject, peer, 1, rounds), "float32", 10)
    yield from lif_rows(lif, lif_peer, rounds, 21)


def groups(plan: Plan) -> Iterator[tuple[str, Row]]:
    """Network and row, as they are measured."""
    parts: list[tuple[str, bool, Callable[[Plan], Iterator[Row]]]] = [
        ("large", plan.large, _large_own),
        ("large", plan.large and plan.torch, _large_forward),
        ("large", plan.large and plan.torch, _large_sparse),
        ("large", plan.large and plan.torch, _large_steps),
        ("large", plan.large and plan.torch, _large_lif),
        ("small", plan.small, _small_own),
        ("small", plan.small and plan.torch, _small_versus),
    ]
    for network, wanted, measure in parts:
        if wanted:
            for row in measure(plan):
                yield network, row
