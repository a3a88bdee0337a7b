"""Rolling multi-task pretraining on images: one ROM that codes can turn to many tasks.

Worlds (see ``views``) enter and leave. Each has log gains of its own, which start at 0 (codes at 128) when it enters
and are learnt while it stays; weights, biases and thresholds are shared by all, so they are asked to be quick to tune
and not to know a fixed list. World 0 is the undistorted one, at gain 1. Unlike ``worlds``, samples are distorted as
they are drawn: a world costs no memory, and no sample is seen twice.

Products run in bfloat16: weights of 4 bits, spikes and counts up to 256 are exact in it, sums are rounded to 8 bits,
far below the noise that training adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nt_host.pretrain.image_worlds import CELLS, ImageWorlds
from nt_host.pretrain.spec import WEIGHT_LIMIT, PretrainError, TrainedNetwork, TrainProgress, TrainSpec
from nt_host.pretrain.spike_train import torch_threads
from nt_host.pretrain.spiking_layer import Spike, SpikingLayer
from nt_host.pretrain.trained import accuracies, forward
from nt_host.pretrain.views import CLASSES, Dice, View, composed, developed, dilated, jitter, random_view, seen_cells
from nt_host.pretrain.worlds import GAIN_BETAS, HIGHEST_LOG_GAIN, LOWEST_LOG_GAIN

ProgressCallback = Callable[[TrainProgress], None]
Encode = Callable[[Tensor], Tensor]

OFFSET_RATE_SHARE = 0.1
SMALLEST_RATE_SHARE = 0.02
REPORT_EVERY = 50
CHECKPOINT_EVERY = 500
JUDGED_SAMPLES = 5000


class Product(torch.autograd.Function):
    """Currents (B, N) of events (B, M) through rounded 4-bit weights; the gradient passes the rounding unchanged."""

    @staticmethod
    def forward(ctx: Any, events: Tensor, latent: Tensor) -> Tensor:
        """float32 currents; ``events`` and the weights are exact in bfloat16."""
        narrow = events.bfloat16()
        weight = latent.round().clamp_(-WEIGHT_LIMIT, WEIGHT_LIMIT).bfloat16()
        ctx.save_for_backward(narrow, weight)
        return (narrow @ weight.T).float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        """Gradients with respect to events (where asked for) and latent weights."""
        narrow, weight = ctx.saved_tensors
        gradient = gradients[0].bfloat16()
        below = (gradient @ weight).float() if ctx.needs_input_grad[0] else None
        return below, (gradient.T @ narrow).float()


class RollingLayer(SpikingLayer):
    """A spiking layer whose current is computed in bfloat16."""

    def excess(self, inputs: Tensor, *, frozen: bool, log_gain: Tensor | None = None) -> Tensor:
        """See ``SpikingLayer.excess``."""
        current: Tensor = Product.apply(inputs, self.latent)  # type: ignore[no-untyped-call]
        return self.excess_of(current, frozen=frozen, log_gain=log_gain)

    def _spread(self, current: Tensor, mean: Tensor) -> Tensor:
        # torch.std along the first axis takes several times as long.
        return (current - mean).square().mean(0).sqrt()


@dataclass
class _Slot:
    """Place of one world: its view and the step at which it entered."""

    view: View
    born: int


class RollingRun:
    """One training run and everything random about it.

    Args:
        spec: sizes, steps, rates, noise, number and life of worlds, seed.
        worlds: what worlds are drawn from.
        images: (S, 28, 28) uint8.
        labels: (S,) 0..9.
        levels: events per unit of brightness; the chip sees round((cell - 0.5) * levels), positive and negative parts.
    """

    def __init__(
        self,
        spec: TrainSpec,
        worlds: ImageWorlds,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        levels: int,
    ) -> None:
        self.spec, self.ranges, self.levels = spec, worlds, levels
        self.generator = torch.Generator().manual_seed(spec.seed)
        self.dice = Dice(self.generator)
        self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))
        sizes = [2 * CELLS * CELLS, *spec.hidden, CLASSES * spec.population]
        starts = [spec.hidden_start] * len(spec.hidden) + [spec.output_start]
        self.layers = [
            RollingLayer((sizes[i], sizes[i + 1]), starts[i], spec, self.generator) for i in range(len(starts))
        ]
        self.optimiser = torch.optim.Adam(
            [
                {"params": [layer.latent for layer in self.layers], "lr": spec.learning_rate},
                {"params": [layer.offset for layer in self.layers], "lr": spec.learning_rate * OFFSET_RATE_SHARE},
            ],
            fused=True,
        )
        self.log_gain = [nn.Parameter(torch.zeros(spec.worlds + 1, size)) for size in sizes[1:]]
        self.gain_optimiser = torch.optim.Adam(self.log_gain, lr=spec.world_rate, betas=GAIN_BETAS, fused=True)
        self.slots: list[_Slot] = []
        self.step = 0
        self.history: list[TrainProgress] = []

    # -- worlds ---------------------------------------------------------------------------------------------------

    def _new_view(self) -> View:
        return random_view(self.dice, self.ranges, self.images, self.labels)

    def _roll(self) -> None:
        """Let worlds enter, and replace those whose life is over; none in the last half life."""
        spec = self.spec
        while len(self.slots) < spec.worlds:
            self.slots.append(_Slot(self._new_view(), -(spec.world_life * len(self.slots)) // spec.worlds))
        if self.step >= spec.steps - spec.world_life // 2:
            return
        for index, slot in enumerate(self.slots):
            if self.step - slot.born >= spec.world_life:
                self.slots[index] = _Slot(self._new_view(), self.step)
                self._forget(index + 1)

    def _forget(self, world: int) -> None:
        with torch.no_grad():
            for parameter in self.log_gain:
                parameter[world] = 0
                moments = self.gain_optimiser.state.get(parameter, {})
                for name in ("exp_avg", "exp_avg_sq"):
                    if name in moments:
                        moments[name][world] = 0

    # -- batches --------------------------------------------------------------------------------------------------

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Events (B, 392) float, labels (B,), and log-gain row of each sample (B,); clean samples come first."""
        size, clean = self.spec.batch_size, int(self.spec.batch_size * self.spec.clean_share)
        if not self.slots:
            clean = size
        rows = torch.randint(0, len(self.images), (size,), generator=self.generator)
        images, labels = self.images[rows].float() / 255, self.labels[rows].clone()
        maps = jitter(size, self.dice)
        which = torch.zeros(size, dtype=torch.int64)
        if clean < size:
            inner = torch.arange(size - clean) % len(self.slots)
            which[clean:] = inner + 1
            self._enter_worlds(images[clean:], labels[clean:], inner)
        images = self._cells(images, maps, clean, which)
        return self.events(images), labels, which

    def _enter_worlds(self, images: Tensor, labels: Tensor, inner: Tensor) -> None:
        """Change `images` and `labels` in place to those of each sample's world."""
        for index, slot in enumerate(self.slots):
            mine = inner == index
            view = slot.view
            if view.bank is not None:
                picked = torch.randint(0, view.bank.shape[1], (int(mine.sum()),), generator=self.generator)
                images[mine] = view.bank[labels[mine], picked]
            elif view.brush:
                images[mine] = dilated(images[mine], view.brush)
            labels[mine] = view.permutation[labels[mine]]

    def _cells(self, images: Tensor, maps: Tensor, clean: int, which: Tensor) -> Tensor:
        if clean == len(images):
            return seen_cells(images, maps, None)
        views = [slot.view for slot in self.slots]
        inner = which[clean:] - 1
        ours = composed(torch.stack([view.matrix for view in views])[inner], maps[clean:])
        field = torch.stack([view.field for view in views])[inner]
        seen = developed(seen_cells(images[clean:], ours, field), views, inner, self.dice)
        return torch.cat([seen_cells(images[:clean], maps[:clean], None), seen])

    def events(self, cells: Tensor) -> Tensor:
        """Event counts (n, 392) as float of cells (n, 14, 14), 0..1: positive parts, then negative ones."""
        signed = torch.round((cells.flatten(1) - 0.5) * self.levels)
        return torch.cat([signed.clamp(min=0), (-signed).clamp(min=0)], 1)

    # -- steps ----------------------------------------------------------------------------------------------------

    def excess(self, events: Tensor, which: Tensor, *, frozen: bool) -> Tensor:
        """Output membranes above threshold in deviations, (B, N)."""
        for layer, gain in zip(self.layers[:-1], self.log_gain[:-1], strict=True):
            over = layer.excess(events, frozen=frozen, log_gain=gain[which])
            events = Spike.apply(over, self.spec.surrogate_width)  # type: ignore[no-untyped-call]
        return self.layers[-1].excess(events, frozen=frozen, log_gain=self.log_gain[-1][which])

    def loss(self, excess: Tensor, labels: Tensor) -> Tensor:
        """Logistic loss of every output neuron: a population is asked to agree, as rule `dmn` will ask it."""
        spec = self.spec
        wanted = functional.one_hot(labels, CLASSES).repeat_interleave(spec.population, dim=1).float()
        weight = torch.tensor(math.sqrt(CLASSES - 1))
        return functional.binary_cross_entropy_with_logits(spec.output_slope * excess, wanted, pos_weight=weight)

    def one_step(self) -> tuple[float, float, float]:
        """One optimiser step; (loss, argmax accuracy of the batch's clean part, of the rest)."""
        spec = self.spec
        self._roll()
        share = max(SMALLEST_RATE_SHARE, 0.5 * (1 + math.cos(math.pi * self.step / spec.steps)))
        for group, rate in zip(self.optimiser.param_groups, (1.0, OFFSET_RATE_SHARE), strict=True):
            group["lr"] = spec.learning_rate * rate * share
        events, labels, which = self._batch()
        frozen = self.step >= spec.steps * (1 - spec.frozen_share) and self.step > 0
        excess = self.excess(events, which, frozen=frozen)
        loss = self.loss(excess, labels)
        self.optimiser.zero_grad()
        self.gain_optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self._move_gains()
        for layer in self.layers:
            layer.clamp_latent()
        self.step += 1
        scores = (excess.detach() >= 0).reshape(len(excess), CLASSES, -1).sum(2)
        right = (scores.argmax(1) == labels).float()
        clean = which == 0
        others = right[~clean].mean().item() if bool((~clean).any()) else 0.0
        return loss.item(), right[clean].mean().item(), others

    def _move_gains(self) -> None:
        for parameter in self.log_gain:
            if parameter.grad is not None:
                parameter.grad[0] = 0
        self.gain_optimiser.step()
        with torch.no_grad():
            for parameter in self.log_gain:
                parameter.clamp_(LOWEST_LOG_GAIN, HIGHEST_LOG_GAIN)

    # -- checkpoints ----------------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write all that the rest of the run depends on to `path`, atomically."""
        table = {
            "spec": asdict(self.spec),
            "step": self.step,
            "layers": [layer.kept() for layer in self.layers],
            "log_gain": [parameter.data for parameter in self.log_gain],
            "optimisers": [self.optimiser.state_dict(), self.gain_optimiser.state_dict()],
            "slots": [(vars(slot.view), slot.born) for slot in self.slots],
            "generator": self.generator.get_state(),
        }
        partial = path.with_suffix(".partial")
        torch.save(table, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from `path`; PretrainError where it belongs to another specification."""
        table = torch.load(path, weights_only=True)
        if {**table["spec"], "hidden": tuple(table["spec"]["hidden"])} != asdict(self.spec):
            raise PretrainError(f"{path} is the checkpoint of another specification: remove it to begin anew")
        self.step = table["step"]
        for layer, kept in zip(self.layers, table["layers"], strict=True):
            layer.take_back(kept)
        with torch.no_grad():
            for parameter, data in zip(self.log_gain, table["log_gain"], strict=True):
                parameter.copy_(data)
        self.optimiser.load_state_dict(table["optimisers"][0])
        self.gain_optimiser.load_state_dict(table["optimisers"][1])
        self.slots = [_Slot(View(**view), born) for view, born in table["slots"]]
        self.generator.set_state(table["generator"])


def train_rolling(
    spec: TrainSpec,
    worlds: ImageWorlds,
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    levels: int,
    progress: ProgressCallback | None = None,
    checkpoint: Path | None = None,
) -> TrainedNetwork:
    """Train one ROM on many image worlds; returns it in integers.

    Args:
        spec, worlds, images, labels, levels: see ``RollingRun``.
        progress: called every 50 steps and after the last.
        checkpoint: file that a killed run goes on from; written every 500 steps and removed at the end.

    Raises:
        PretrainError: images or labels do not fit, or a checkpoint of another specification lies in the way.
    """
    if images.shape[1:] != (28, 28) or images.dtype != np.uint8 or labels.shape != (len(images),):
        raise PretrainError(f"images {images.dtype} {images.shape} and labels {labels.shape}: uint8 (S, 28, 28), (S,)")
    with torch_threads(spec.threads):
        return _trained(RollingRun(spec, worlds, images, labels, levels), progress, checkpoint)


def _trained(run: RollingRun, progress: ProgressCallback | None, checkpoint: Path | None) -> TrainedNetwork:
    spec = run.spec
    if checkpoint is not None and checkpoint.is_file():
        run.resume(checkpoint)
    while run.step < spec.steps:
        loss, clean, others = run.one_step()
        if run.step % REPORT_EVERY == 0 or run.step == spec.steps:
            report = TrainProgress(run.step, spec.steps, loss, others if spec.worlds else clean)
            run.history.append(report)
            if progress is not None:
                progress(report)
        if checkpoint is not None and run.step % CHECKPOINT_EVERY == 0:
            run.save(checkpoint)
    network = folded_network(run)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return network


def folded_network(run: RollingRun) -> TrainedNetwork:
    """The run's network in integers, judged on the first 5,000 clean images."""
    layers = tuple(layer.fold(index) for index, layer in enumerate(run.layers))
    images = run.images[:JUDGED_SAMPLES].float() / 255
    cells = functional.avg_pool2d(images.unsqueeze(1), 2).squeeze(1)
    events = run.events(cells).numpy().astype(np.uint8)
    labels = run.labels[:JUDGED_SAMPLES].numpy()
    argmax, strict = accuracies(forward(layers, events), labels, CLASSES, run.spec.population)
    return TrainedNetwork(layers, CLASSES, run.spec.population, argmax, strict, run.spec, tuple(run.history))
