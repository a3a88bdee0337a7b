"""Ours against torch: forward pass, learning step and time steps of one network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nt_host.benchmark.network import batches
from nt_host.benchmark.peers import TorchNetwork
from nt_host.benchmark.row import Row, milliseconds
from nt_host.benchmark.snntorch_peer import SnnTorchNetwork, has_snntorch
from nt_host.benchmark.subject import ROTATION, Subject
from nt_host.benchmark.timing import Case, medians_s
from nt_model.learn import LearnSettings, dithered_codes

LIF_STEPS = 16


def _rotating(function: Callable[[Any], Any], inputs: list[Any]) -> Case:
    return lambda index: function(inputs[index % len(inputs)])


def forward_times(subject: Subject, torch_net: TorchNetwork, batch: int, rounds: int) -> dict[str, float]:
    """Seconds of ours and of the three ways of torch."""
    inputs = [x[:, 0] for x in batches(subject.spec, batch, 1, min(ROTATION, subject.rotation(batch)))]
    floats = [torch_net.floats(x) for x in inputs]
    cases: dict[str, Case] = {
        "ours": subject.forward(batch),
        "float32": _rotating(torch_net.forward, floats),
        "int_mm": _rotating(torch_net.forward_int_mm, [torch_net.bytes_(x) for x in inputs]),
    }
    if torch_net.dynamic:
        cases["dynamic"] = _rotating(torch_net.forward_dynamic, floats)
    return medians_s(cases, rounds)


def step_times(subject: Subject, torch_net: TorchNetwork, batch: int, rounds: int) -> dict[str, float]:
    """Seconds of one learning step of rule `dmn`, ours and in float32."""
    torch = torch_net.torch
    inputs = [torch_net.floats(x[:, 0]) for x in batches(subject.spec, batch, 1, ROTATION)]
    labels = torch.from_numpy(np.random.default_rng(2).integers(0, subject.image.n_classes, (ROTATION, batch)))
    codes = subject.codes
    points = [codes, *(dithered_codes(subject.image, codes, LearnSettings(), sign) for sign in (1, -1))]
    gains = [
        [torch.from_numpy(subject.image.gain[point[layer.domain[:, 0]]] / 4096).float() for point in points]
        for layer in subject.image.layers
    ]
    means = [torch.zeros(layer.n_neurons) for layer in subject.image.layers]

    def peer(index: int) -> object:
        return torch_net.learning_step(inputs[index % ROTATION], labels[index % ROTATION], gains, means)

    return medians_s({"ours": subject.learning_step(batch), "float32": peer}, rounds)


def lif_times(subject: Subject, torch_net: TorchNetwork, batch: int, rounds: int) -> dict[str, float]:
    """Seconds of LIF_STEPS steps of leaky integrate-and-fire, new events in every step, ours, as a torch loop and in
    snnTorch where it is installed."""
    inputs = [torch_net.floats(x) for x in batches(subject.spec, batch, LIF_STEPS, 2)]
    cases: dict[str, Case] = {
        "ours": subject.forward(batch, LIF_STEPS),
        "torch_loop": _rotating(torch_net.run_lif, inputs),
    }
    if has_snntorch():
        cases["snntorch"] = _rotating(SnnTorchNetwork(torch_net).run_lif, inputs)
    return medians_s(cases, rounds)


def lif_rows(subject: Subject, torch_net: TorchNetwork, rounds: int, target: float) -> Iterator[Row]:
    """Ours against a loop over torch, and against snnTorch where it is installed; both have one target."""
    times = lif_times(subject, torch_net, 64, rounds)
    for peer in ("torch_loop", "snntorch"):
        if peer in times:
            yield ratio(f"LIF, {LIF_STEPS} steps, batch 64", times, peer, target)


def ratio(figure: str, times: dict[str, float], peer: str, target: float | None = None) -> Row:
    """The row "peer's time over ours"."""
    detail = milliseconds(**{"ours": times["ours"], peer: times[peer]})
    library = "" if peer == "snntorch" else "torch "
    return Row(f"{figure}, against {library}{peer}", times[peer] / times["ours"], "x", target, detail=detail)
