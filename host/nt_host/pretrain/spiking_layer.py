"""One spiking layer of the trainable network, in PyTorch, and its fold into the integers of the array.

During training a neuron's current a = W_q x is centred and scaled by its own statistics, so that thresholds and
surrogate widths mean the same in every layer:

    z = (a - mean) / deviation + offset,    spike = gain * z >= h

with h = ``TrainSpec.threshold_sigmas``. Multiplied by the deviation this is the array's own comparison,

    gain * (W_q x + b) >= theta,    b = offset * deviation - mean,    theta = h * deviation,

so nothing is lost in the fold but the rounding of b and theta. The height h is what makes a gain a useful handle:
near the threshold, one per cent of gain moves the decision by h per cent of the current's deviation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nt_host.pretrain.spec import WEIGHT_LIMIT, PretrainError, TrainedLayer, TrainSpec

ONE_Q8 = 256
INITIAL_WEIGHT_LSB = 2.5
WARM_UP_STEPS = 20
STATISTICS_RATE = 0.05
SMALLEST_DEVIATION_LSB = 1e-3
LATENT_LIMIT = WEIGHT_LIMIT + 0.49


class Spike(torch.autograd.Function):
    """Step function with a triangular surrogate derivative of half width ``width`` round the threshold."""

    @staticmethod
    def forward(ctx: Any, excess: Tensor, width: float) -> Tensor:
        """Spikes (0.0 or 1.0) of ``excess``, the scaled membrane above its threshold, any shape."""
        ctx.save_for_backward(excess)
        ctx.width = width
        return (excess >= 0).to(excess.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Gradient with respect to ``excess``; the width has none."""
        (excess,) = ctx.saved_tensors
        window = torch.clamp(1 - excess.abs() / ctx.width, min=0) / ctx.width
        return gradients[0] * window, None


def rounded(latent: Tensor) -> Tensor:
    """Round to the nearest integer weight, -7..7, with the gradient passed straight through."""
    whole = torch.clamp(torch.round(latent), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    return latent + (whole - latent).detach()


class SpikingLayer(nn.Module):
    """N neurons with M inputs: latent float weights, seen through their 4-bit rounding.

    Args:
        sizes: (M, N).
        start: ``offset`` is set so that a neuron fires this many deviations above its mean current.
        spec: noise and threshold settings.
        generator: source of every random number, for a repeatable run.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, sizes: tuple[int, int], start: float, spec: TrainSpec, generator: torch.Generator) -> None:
        super().__init__()
        inputs, neurons = sizes
        self.latent = nn.Parameter(torch.randn(neurons, inputs, generator=generator) * INITIAL_WEIGHT_LSB)
        self.offset = nn.Parameter(torch.full((neurons,), spec.threshold_sigmas - start))
        self.register_buffer("mean", torch.zeros(neurons))
        self.register_buffer("deviation", torch.ones(neurons))
        self._spec = spec
        self._generator = generator
        self._steps_seen = 0

    def excess(self, inputs: Tensor, *, frozen: bool, log_gain: Tensor | None = None) -> Tensor:
        """Scaled membranes above their thresholds, (B, N), with gain and threshold noise.

        ``inputs`` is (B, M), events or spikes. ``frozen`` uses the running statistics that ``fold`` will use.
        ``log_gain`` is (B, N), gains on top of the noise; None for a gain of 1.
        """
        return self.excess_of(inputs @ rounded(self.latent).T, frozen=frozen, log_gain=log_gain)

    def excess_of(self, current: Tensor, *, frozen: bool, log_gain: Tensor | None) -> Tensor:
        """``excess`` for a current (B, N) in weight LSB that was computed elsewhere."""
        mean, deviation = (self.mean, self.deviation) if frozen else self._measure(current)
        scaled = (current - mean) / deviation + self.offset
        gain = self._gain_noise() if log_gain is None else self._gain_noise() * torch.exp(log_gain)
        return scaled * gain - self._noisy_threshold()

    def _measure(self, current: Tensor) -> tuple[Tensor, Tensor]:
        mean = current.mean(0)
        deviation = self._spread(current, mean) + SMALLEST_DEVIATION_LSB
        self._steps_seen += 1
        rate = STATISTICS_RATE if self._steps_seen > WARM_UP_STEPS else 1 / self._steps_seen
        with torch.no_grad():
            self.mean += rate * (mean - self.mean)
            self.deviation += rate * (deviation - self.deviation)
        return mean, deviation

    def _spread(self, current: Tensor, mean: Tensor) -> Tensor:
        """Standard deviation (N,) of a current (B, N) whose mean is ``mean``."""
        return current.std(0, unbiased=False)

    def _gain_noise(self) -> Tensor:
        noise = torch.randn(self.offset.numel(), generator=self._generator)
        return torch.exp(self._spec.gain_sigma * noise)

    def _noisy_threshold(self) -> Tensor:
        # Silicon spreads its thresholds by a share of the layer's RMS: a neuron of small currents suffers more.
        relative_rms = self.deviation.square().mean().sqrt() / self.deviation
        noise = torch.randn(self.offset.numel(), generator=self._generator)
        return self._spec.threshold_sigmas * (1 + self._spec.threshold_sigma * relative_rms * noise)

    def kept(self) -> dict[str, Any]:
        """All that a checkpoint must hold of this layer; ``take_back`` takes it."""
        return {"state": self.state_dict(), "steps_seen": self._steps_seen}

    def take_back(self, kept: dict[str, Any]) -> None:
        """Go on from what ``kept`` gave."""
        self.load_state_dict(kept["state"])
        self._steps_seen = int(kept["steps_seen"])

    def clamp_latent(self) -> None:
        """Keep latent weights where the rounding still sees them move."""
        with torch.no_grad():
            self.latent.clamp_(-LATENT_LIMIT, LATENT_LIMIT)

    def fold(self, index: int) -> TrainedLayer:
        """Fold statistics and offset into bias and threshold; ``index`` names the layer in an error.

        Raises PretrainError where a bias leaves int16 or a threshold leaves int32.
        """
        deviation = self.deviation.double().numpy()
        bias = np.rint(self.offset.detach().double().numpy() * deviation - self.mean.double().numpy())
        threshold = np.rint(self._spec.threshold_sigmas * deviation * ONE_Q8)
        _check_range(bias, np.iinfo(np.int16), f"a bias of layer {index}")
        _check_range(threshold, np.iinfo(np.int32), f"a threshold of layer {index}")
        return TrainedLayer(
            weight=rounded(self.latent).detach().round().numpy().astype(np.int8),
            bias=bias.astype(np.int16),
            threshold_q8=np.maximum(threshold, 1).astype(np.int32),
        )


def _check_range(values: np.ndarray[Any, np.dtype[np.float64]], limits: np.iinfo, what: str) -> None:
    largest = float(np.abs(values).max())
    if not largest <= limits.max:
        raise PretrainError(
            f"{what} is {largest:.0f}, outside {limits.dtype.name}: encode with fewer events per deviation"
        )
