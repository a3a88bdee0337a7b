"""Spike-aware training with quantisation in the loop: float features in, integer network out.

The network is trained as the array will run it, T = 1: 4-bit weights, binary spikes between layers, and a new draw
of gain and threshold noise at every step, so that it meets a mismatched chip (and a moved code) as something it
has seen before. The output loss is logistic, per neuron and on the membrane, because the strict accuracy asks every
output neuron to be right, not just the largest sum.

Straight-through rounding and surrogate derivatives are common practice (Bengio et al. 2013, arXiv:1308.3432;
Neftci et al. 2019, arXiv:1901.09948).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nt_host.pretrain.encode import CountEncoder
from nt_host.pretrain.from_module import LayerStart, begin_at, start_from_module
from nt_host.pretrain.spec import PretrainError, TrainedNetwork, TrainProgress, TrainSpec
from nt_host.pretrain.spiking_layer import Spike, SpikingLayer
from nt_host.pretrain.trained import accuracies, forward
from nt_host.pretrain.worlds import WorldMaker, Worlds

ProgressCallback = Callable[[TrainProgress], None]
FeatureWorld = Callable[[np.random.Generator], NDArray[np.floating]]

OFFSET_RATE_SHARE = 0.1
SMALLEST_RATE_SHARE = 0.02
REPORT_EVERY = 50


def train(
    spec: TrainSpec,
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    encoder: CountEncoder,
    progress: ProgressCallback | None = None,
    world: FeatureWorld | None = None,
    module: nn.Module | None = None,
) -> TrainedNetwork:
    """Train a network on float features and return it in integers.

    Args:
        spec: layer sizes, steps, noise, seed.
        features: (S, F), finite.
        labels: (S,), classes 0..C-1, every class present.
        encoder: turns features into (S, M) uint8 event counts.
        progress: called every 50 steps and after the last.
        world: draws the features (S, F) of all training samples, same order, in a distorted world; needed, and
            used, where ``spec.worlds`` is above 0 (see ``worlds``).
        module: start from this module, whose hidden layers are those of ``spec`` (see ``from_module``); None starts
            from random weights.

    Raises:
        PretrainError: labels and features do not fit, a class has no sample, a feature (of a drawn world too) is not
            finite, or a bias does not fit int16.

    The same specification and data give the same network on the same processor and PyTorch version.
    """
    draw: WorldMaker | None = None
    if world is not None:
        distorted = world

        def draw(rng: np.random.Generator) -> NDArray[np.uint8]:
            return _encoded(encoder, distorted(rng))

    events = _encoded(encoder, features)
    starts = None
    if module is not None:
        starts = start_from_module(module, spec, features, encoder, _count_classes(events, labels))
    return train_events(spec, events, labels, progress, draw, starts)


def _encoded(encoder: CountEncoder, features: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Events (S, M) of ``features`` (S, F); PretrainError for numbers that no event count can stand for."""
    if not np.isfinite(features).all():
        raise PretrainError("the features hold NaN or infinity: drop or repair those samples")
    return encoder.encode(features)


def train_events(
    spec: TrainSpec,
    events: NDArray[np.uint8],
    labels: NDArray[np.integer],
    progress: ProgressCallback | None = None,
    draw: WorldMaker | None = None,
    starts: tuple[LayerStart, ...] | None = None,
) -> TrainedNetwork:
    """Train on already encoded inputs: ``events`` (S, M) uint8, ``labels`` (S,); otherwise as ``train``."""
    class_count = _count_classes(events, labels)
    if spec.worlds > 0 and draw is None:
        raise PretrainError(f"the specification asks for {spec.worlds} worlds; none can be drawn")
    with torch_threads(spec.threads):
        run = _Run(spec, events, labels, class_count, draw)
        if starts is not None:
            begin_at(run.layers, starts, spec)
        history = run.all_steps(progress)
    folded = tuple(layer.fold(index) for index, layer in enumerate(run.layers))
    argmax, strict = accuracies(forward(folded, events), labels, class_count, spec.population)
    return TrainedNetwork(
        layers=folded,
        class_count=class_count,
        population=spec.population,
        train_accuracy=argmax,
        train_strict_accuracy=strict,
        spec=spec,
        history=history,
    )


def _count_classes(events: NDArray[np.uint8], labels: NDArray[np.integer]) -> int:
    if events.ndim != 2 or labels.shape != (events.shape[0],) or events.shape[0] == 0:
        raise PretrainError(f"inputs {events.shape} and labels {labels.shape} do not fit: (S, M) and (S,), S >= 1")
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(present.size)):
        raise PretrainError(f"labels are {present.tolist()}; every class from 0 upwards needs a sample")
    return int(present.size)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _build(spec: TrainSpec, inputs: int, class_count: int, generator: torch.Generator) -> list[SpikingLayer]:
    sizes = list(pairwise((inputs, *spec.hidden, class_count * spec.population)))
    starts = [spec.hidden_start] * len(spec.hidden) + [spec.output_start]
    return [SpikingLayer(size, start, spec, generator) for size, start in zip(sizes, starts, strict=True)]


class _Run:
    """One training run: the layers, the samples and everything random about them."""

    def __init__(
        self,
        spec: TrainSpec,
        events: NDArray[np.uint8],
        labels: NDArray[np.integer],
        class_count: int,
        draw: WorldMaker | None,
    ) -> None:
        self.spec = spec
        self.class_count = class_count
        self.generator = torch.Generator().manual_seed(spec.seed)
        self.layers = _build(spec, events.shape[1], class_count, self.generator)
        self.inputs = torch.from_numpy(events)
        self.classes = torch.from_numpy(labels.astype(np.int64))
        self.chance = (1.0 / torch.bincount(self.classes, minlength=class_count).float())[self.classes]
        self.worlds: Worlds | None = None
        if spec.worlds > 0 and draw is not None:
            sizes = [*spec.hidden, class_count * spec.population]
            self.worlds = Worlds(spec, events, draw, sizes)

    def all_steps(self, progress: ProgressCallback | None) -> tuple[TrainProgress, ...]:
        """Run ``spec.steps`` steps; returns the reports that ``progress`` was given."""
        spec = self.spec
        optimiser = _optimiser(spec, self.layers)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate_share(step, spec.steps))
        history: list[TrainProgress] = []
        for step in range(spec.steps):
            if self.worlds is not None:
                self.worlds.refresh(step)
            batch = torch.multinomial(self.chance, spec.batch_size, replacement=True, generator=self.generator)
            frozen = step >= spec.steps * (1 - spec.frozen_share) and step > 0
            excess = self._excess(batch, frozen=frozen)
            loss = _loss(excess, self.classes[batch], self.class_count, spec)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if self.worlds is not None:
                self.worlds.step()
            for layer in self.layers:
                layer.clamp_latent()
            if step % REPORT_EVERY == 0 or step == spec.steps - 1:
                accuracy = _accuracy(excess, self.classes[batch], spec)
                report = TrainProgress(step + 1, spec.steps, loss.item(), accuracy)
                history.append(report)
                if progress is not None:
                    progress(report)
        return tuple(history)

    def _excess(self, batch: Tensor, *, frozen: bool) -> Tensor:
        """Output layer's scaled membranes above their thresholds, (B, N), each sample in a world of its own."""
        inputs = self.inputs[batch]
        gains: list[Tensor | None] = [None] * len(self.layers)
        if self.worlds is not None:
            which = self.worlds.pick(len(batch), self.generator)
            inputs = self.worlds.inputs[which, batch]
            gains = [log_gain[which] for log_gain in self.worlds.log_gain]
        return _forward(self.layers, inputs.float(), gains, self.spec.surrogate_width, frozen=frozen)


def _optimiser(spec: TrainSpec, layers: list[SpikingLayer]) -> torch.optim.Adam:
    return torch.optim.Adam(
        [
            {"params": [layer.latent for layer in layers], "lr": spec.learning_rate},
            {"params": [layer.offset for layer in layers], "lr": spec.learning_rate * OFFSET_RATE_SHARE},
        ]
    )


def _rate_share(step: int, steps: int) -> float:
    return max(SMALLEST_RATE_SHARE, 0.5 * (1 + math.cos(math.pi * step / steps)))


def _forward(
    layers: list[SpikingLayer], inputs: Tensor, gains: list[Tensor | None], width: float, *, frozen: bool
) -> Tensor:
    """Return the output layer's scaled membranes above their thresholds, (B, C * population)."""
    for layer, gain in zip(layers[:-1], gains[:-1], strict=True):
        excess = layer.excess(inputs, frozen=frozen, log_gain=gain)
        spikes: Tensor = Spike.apply(excess, width)  # type: ignore[no-untyped-call]
        inputs = spikes
    return layers[-1].excess(inputs, frozen=frozen, log_gain=gains[-1])


def _loss(excess: Tensor, classes: Tensor, class_count: int, spec: TrainSpec) -> Tensor:
    # Targets are one in class_count: the square root of the odds keeps silence from being the easy answer.
    wanted = functional.one_hot(classes, class_count).repeat_interleave(spec.population, dim=1).to(excess.dtype)
    weight = torch.tensor(math.sqrt(max(1, class_count - 1)))
    return functional.binary_cross_entropy_with_logits(spec.output_slope * excess, wanted, pos_weight=weight)


def _accuracy(excess: Tensor, classes: Tensor, spec: TrainSpec) -> float:
    scores = (excess >= 0).reshape(len(excess), -1, spec.population).sum(2)
    return float((scores.argmax(1) == classes).float().mean())
