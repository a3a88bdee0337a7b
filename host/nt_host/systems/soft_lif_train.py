"""Training with a soft LIF rate curve and noise on the activations, for networks that run spiking over T > 1 steps.

After Hunsberger and Eliasmith, "Spiking deep networks with LIF neurons", 2015 (arXiv:1510.08829), and "Training
spiking deep networks for neuromorphic hardware", 2016: hidden neurons are replaced by their rate under a constant
current, smoothed round the threshold so that the derivative stays bounded, and noise on the rates stands for the
variability of spikes. The array's neuron V = V - (V >> leak) + D has, in steps,

    tau_rc = -1 / ln(1 - 2^-leak),    rheobase current 2^-leak * theta,    shortest period t_ref = 1,
    rate(j) = 1 / (t_ref + tau_rc * ln(1 + 1 / p(j - 1))),    p(x) = gamma * ln(1 + exp(x / gamma)),

with j the current over the rheobase. Currents, 4-bit weights and the fold are those of `SpikingLayer`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nt_host.compile import NetworkLayer
from nt_host.pretrain.spec import PretrainError, TrainSpec
from nt_host.pretrain.spike_train import torch_threads
from nt_host.pretrain.spiking_layer import SpikingLayer

LEAK = 2
T_REF_STEPS = 1.0
GAMMA = 0.1
SMALLEST_CURRENT = 1e-6
OFFSET_RATE_SHARE = 0.1
SMALLEST_RATE_SHARE = 0.02


@dataclass(frozen=True)
class SoftSpec:
    """`train` holds sizes, steps, seed and gain noise as for the hard threshold (worlds are not used); `rate_sigma`
    is the standard deviation of the noise on hidden rates, in spikes per step."""

    train: TrainSpec
    rate_sigma: float

    def __post_init__(self) -> None:
        if self.rate_sigma < 0 or self.train.worlds:
            raise PretrainError("a soft LIF network needs rate_sigma >= 0 and no worlds")


def soft_rate(above: Tensor, gamma: float = GAMMA, leak: int = LEAK) -> Tensor:
    """Spikes per step, 0..1, of a current `above` rheobase, in units of it (j - 1), any shape."""
    tau_rc = -1 / math.log(1 - 2.0**-leak)
    current = torch.clamp(gamma * functional.softplus(above / gamma), min=SMALLEST_CURRENT)
    return 1 / (T_REF_STEPS + tau_rc * torch.log1p(1 / current))


def _output_excess(
    layers: list[SpikingLayer], inputs: Tensor, spec: SoftSpec, frozen: bool, rng: torch.Generator
) -> Tensor:
    for layer in layers[:-1]:
        rate = soft_rate(layer.excess(inputs, frozen=frozen) / spec.train.threshold_sigmas)
        inputs = rate + spec.rate_sigma * torch.randn(rate.shape, generator=rng)
    return layers[-1].excess(inputs, frozen=frozen)


def train_soft(spec: SoftSpec, events: NDArray[np.uint8], labels: NDArray[np.int64]) -> tuple[NetworkLayer, ...]:
    """Train on `events` (S, M) held for all steps, `labels` (S,) 0..C-1; gives integer layers with leak LEAK.

    The loss is the logistic one per output neuron that the hard-threshold training uses, on its mean current against
    rheobase. Raises PretrainError where an integer does not fit.
    """
    train = spec.train
    n_classes = int(labels.max()) + 1
    rng = torch.Generator().manual_seed(train.seed)
    sizes = list(pairwise((events.shape[1], *train.hidden, n_classes * train.population)))
    starts = [train.hidden_start] * len(train.hidden) + [train.output_start]
    layers = [SpikingLayer(size, start, train, rng) for size, start in zip(sizes, starts, strict=True)]
    optimiser = torch.optim.Adam(
        [
            {"params": [layer.latent for layer in layers], "lr": train.learning_rate},
            {"params": [layer.offset for layer in layers], "lr": train.learning_rate * OFFSET_RATE_SHARE},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: max(SMALLEST_RATE_SHARE, 0.5 * (1 + math.cos(math.pi * step / train.steps)))
    )
    inputs, classes = torch.from_numpy(events), torch.from_numpy(labels)
    chance = (1.0 / torch.bincount(classes, minlength=n_classes).float())[classes]
    weight = torch.tensor(math.sqrt(max(1, n_classes - 1)))
    with torch_threads(train.threads):
        for step in range(train.steps):
            batch = torch.multinomial(chance, train.batch_size, replacement=True, generator=rng)
            frozen = step >= train.steps * (1 - train.frozen_share) and step > 0
            excess = _output_excess(layers, inputs[batch].float(), spec, frozen, rng)
            wanted = functional.one_hot(classes[batch], n_classes).repeat_interleave(train.population, dim=1)
            loss = functional.binary_cross_entropy_with_logits(
                train.output_slope * excess, wanted.to(excess.dtype), pos_weight=weight
            )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            for layer in layers:
                layer.clamp_latent()
    return tuple(_leaky(layer, index) for index, layer in enumerate(layers))


def _leaky(layer: SpikingLayer, index: int) -> NetworkLayer:
    """The fold of a one-step layer with the threshold raised until its rheobase is the one-step threshold."""
    folded = layer.fold(index)
    return NetworkLayer(folded.weight, folded.bias, folded.threshold_q8.astype(np.int64) << LEAK, leak=LEAK)


def without_gain_noise(train: TrainSpec) -> TrainSpec:
    """The same run with neither gain nor threshold noise."""
    return replace(train, gain_sigma=0.0, threshold_sigma=0.0)
