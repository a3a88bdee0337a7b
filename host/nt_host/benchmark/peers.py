"""The same networks in torch: what a user without this package would run."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import EnvironmentMissingError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]


def load_torch() -> Any:
    """The module torch, held to one thread.

    Raises:
        EnvironmentMissingError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise EnvironmentMissingError(
            "torch is not installed", evidence=str(error), next_step="make torch, or pip install 'nt-host[pretrain]'"
        ) from error
    torch.set_num_threads(1)
    return torch


class TorchNetwork:
    """Layers of `image` as torch tensors: float32 and int8 weights, and dynamically quantised linear layers.

    Sums stay below 2^24, so float32 gives the same integers; the quantised layers round their inputs, 0 and 1, exactly,
    and their weights to 8 bits.
    """

    def __init__(self, image: Image, *, quantised: bool) -> None:
        self.torch = load_torch()
        self.weights8 = [self.torch.tensor(layer.weight) for layer in image.layers]
        self.weights = [weight.float() for weight in self.weights8]
        self.thresholds = [self.torch.from_numpy(layer.threshold_q8 / 256).float() for layer in image.layers]
        self.leak = 2.0 ** -image.layers[0].leak if image.layers[0].leak else 0.0
        self.dynamic = [self._dynamic(weight) for weight in self.weights] if quantised else []

    def _dynamic(self, weight: Any) -> Any:
        linear = self.torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        linear.weight = self.torch.nn.Parameter(weight, requires_grad=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = self.torch.nn.Sequential(linear)
            return self.torch.ao.quantization.quantize_dynamic(model, {self.torch.nn.Linear}, self.torch.qint8)

    def floats(self, x: ByteArray) -> Any:
        return self.torch.from_numpy(x).float()

    def bytes_(self, x: ByteArray) -> Any:
        return self.torch.from_numpy(x.view(np.int8))

    def forward(self, x: Any) -> Any:
        """(B, M) float32 spikes in, (B, N) out."""
        for weight, threshold in zip(self.weights, self.thresholds, strict=True):
            x = ((x @ weight.T) >= threshold).float()
        return x

    def forward_int_mm(self, x: Any) -> Any:
        """(B, M) int8 spikes in, (B, N) out, by torch._int_mm."""
        for weight, threshold in zip(self.weights8, self.thresholds, strict=True):
            x = (self.torch._int_mm(x, weight.T) >= threshold).to(self.torch.int8)
        return x

    def forward_dynamic(self, x: Any) -> Any:
        """(B, M) float32 spikes in, (B, N) out, by dynamically quantised layers."""
        for linear, threshold in zip(self.dynamic, self.thresholds, strict=True):
            x = (linear(x) >= threshold).float()
        return x

    def run_lif(self, x: Any) -> Any:
        """(B, T, M) float32 events in, spike counts of the last layer out: leak, fire, reset to zero."""
        membranes = [self.torch.zeros(x.shape[0], weight.shape[0]) for weight in self.weights]
        counts = self.torch.zeros_like(membranes[-1])
        for t in range(x.shape[1]):
            spikes = x[:, t]
            for index, (weight, threshold) in enumerate(zip(self.weights, self.thresholds, strict=True)):
                membrane = membranes[index] * (1 - self.leak) + spikes @ weight.T
                spikes = (membrane >= threshold).float()
                membranes[index] = membrane * (1 - spikes)
            counts += spikes
        return counts

    def learning_step(self, x: Any, labels: Any, gains: list[Any], means: list[Any]) -> list[Any]:
        """Rule `dmn` in float32: sums once, three comparisons, errors down, moves of the gains. `gains` holds one row
        for each of the three operating points of every layer, `means` the running means (changed in place)."""
        gates, spikes = [], x
        for weight, threshold, gain in zip(self.weights, self.thresholds, gains, strict=True):
            current = spikes @ weight.T
            spikes = (current * gain[0] >= threshold).float()
            gates.append((current * gain[1] >= threshold, current * gain[2] >= threshold))
        plus, minus = gates[-1]
        target = self.torch.nn.functional.one_hot(labels, plus.shape[1]).bool()
        error = (target & ~minus).float() - (~target & plus).float()
        errors = [error]
        for index in range(len(self.weights) - 1, 0, -1):
            plus, minus = gates[index - 1]
            error = (error @ self.weights[index]) * (plus != minus).float()
            errors.insert(0, error)
        moves = []
        for error, mean in zip(errors, means, strict=True):
            total = error.sum(0)
            mean += (total.abs() - mean) / 16
            moves.append((10 * total / mean.clamp(min=1)).clamp(-16, 16))
        return moves
