"""`tft`: full fine-tuning of every weight, the digital upper bound that a chip cannot do.

The image is taken apart into float weights, trained on the labelled samples on an ideal array at nominal gains, and
kept in float: no code, no chip. It answers how much of what weights could learn the codes did learn. The gradient is
that of rule `surrogate`, in float, by weights and biases instead of log gains; thresholds stay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.rules.base import ByteArray, require_positive
from nt_model.errors import UsageError
from nt_model.image import Image

FloatArray = NDArray[np.float32]
DIGITAL_RULE = "tft"
TINY = 1e-8
ONE_Q8 = 256
MOMENTUM = 0.9
MEMORY = 0.99
LARGEST_WEIGHT = 7.0


@dataclass(frozen=True)
class FullTuningSettings:
    """Settings of `tft`.

    Attributes:
        steps: updates, with a cosine rate.
        batch_size: labelled samples per update, drawn so that every class is equally likely.
        rate_lsb: first Adam step of a weight, in weight LSB.
        window: half width of the surrogate derivative, in thresholds.
        slope: steepness of the logistic output loss, per threshold.
        four_bits: round weights to -7..7 in the forward pass; False keeps them in float.
        seed: of the batches.
    """

    steps: int = 300
    batch_size: int = 64
    rate_lsb: float = 0.02
    window: float = 0.67
    slope: float = 4.0
    four_bits: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(
            steps=self.steps, batch_size=self.batch_size, rate_lsb=self.rate_lsb, window=self.window, slope=self.slope
        )


def output_slope_error(ratio: FloatArray, target: NDArray[np.bool_], n_classes: int, slope: float) -> FloatArray:
    """Derivative of the logistic output loss by r, (B, N), for drives ``ratio`` and ``target`` (B, N)."""
    exponent = np.clip(slope * (1.0 - ratio), -30.0, 30.0)
    weight = np.where(target, np.float32(math.sqrt(max(1, n_classes - 1))), np.float32(1))
    error: FloatArray = (slope * weight * (1.0 / (1.0 + np.exp(exponent)) - target)).astype(np.float32)
    return error


def window_gate(ratio: FloatArray, window: float) -> FloatArray:
    """Triangular surrogate derivative round r = 1, (B, N), of unit area."""
    gate: FloatArray = np.maximum(0, 1 - np.abs(ratio - 1) / window).astype(np.float32) / np.float32(window)
    return gate


class FullTuning:
    """A float copy of an image's network whose weights can be trained; T = 1 only."""

    def __init__(self, image: Image, settings: FullTuningSettings = FullTuningSettings()) -> None:
        if image.n_steps != 1:
            raise UsageError(
                "full fine-tuning is for images of one time step",
                evidence=f"T = {image.n_steps}",
                next_step="build the image with one step",
            )
        self._readout = image.readout_class.astype(np.int64)
        self._n_classes = image.n_classes
        self._settings = settings
        self._theta = [np.maximum(layer.threshold_q8, ONE_Q8).astype(np.float32) / ONE_Q8 for layer in image.layers]
        # Weight and bias side by side, the bias in units that make its step as large a share of theta as a weight's.
        self._weights = [layer.weight.astype(np.float32) for layer in image.layers]
        self._bias = [
            layer.bias.astype(np.float32) / theta for layer, theta in zip(image.layers, self._theta, strict=True)
        ]

    def spikes(self, inputs: ByteArray) -> ByteArray:
        """Output spikes (B, N_out) uint8 of ``inputs`` (B, M) uint8 events."""
        return (self._forward(inputs)[1][-1] >= 1).astype(np.uint8)

    def fit(self, inputs: ByteArray, labels: NDArray[np.integer], lesson: int | None = None) -> None:
        """Train on ``inputs`` (S, M) uint8 and ``labels`` (S,); continues from the present weights.

        Who calls it again and again numbers the calls by ``lesson``, so that each draws batches of its own.
        """
        settings = self._settings
        rng = np.random.default_rng(settings.seed if lesson is None else [settings.seed, lesson])
        chance = 1.0 / np.bincount(labels, minlength=self._n_classes).clip(1)[labels]
        chance /= chance.sum()
        values = [*self._weights, *self._bias]
        rates = [settings.rate_lsb] * len(self._weights) + [settings.rate_lsb / LARGEST_WEIGHT] * len(self._bias)
        means = [np.zeros_like(value) for value in values]
        squares = [np.zeros_like(value) for value in values]
        for step in range(1, settings.steps + 1):
            batch = rng.choice(len(labels), settings.batch_size, p=chance)
            share = max(0.05, 0.5 * (1 + math.cos(math.pi * step / settings.steps)))
            for i, gradient in enumerate(self._gradients(inputs[batch], labels[batch])):
                means[i] += (1 - MOMENTUM) * (gradient - means[i])
                squares[i] += (1 - MEMORY) * (gradient**2 - squares[i])
                root = np.sqrt(squares[i] / (1 - MEMORY**step)) + TINY
                values[i] -= np.float32(rates[i] * share / (1 - MOMENTUM**step)) * means[i] / root
            for weight in self._weights:
                np.clip(weight, -LARGEST_WEIGHT, LARGEST_WEIGHT, out=weight)

    def _used(self, weight: FloatArray) -> FloatArray:
        return np.rint(weight) if self._settings.four_bits else weight

    def _forward(self, inputs: ByteArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Inputs (B, M) of every layer and its drives over threshold (B, N)."""
        events, ratios = [inputs.astype(np.float32)], []
        for weight, bias, theta in zip(self._weights, self._bias, self._theta, strict=True):
            ratios.append((events[-1] @ self._used(weight).T) / theta + bias)
            events.append((ratios[-1] >= 1).astype(np.float32))
        return events[:-1], ratios

    def _gradients(self, inputs: ByteArray, labels: NDArray[np.integer]) -> list[FloatArray]:
        events, ratios = self._forward(inputs)
        target = self._readout[None, :] == labels[:, None]
        error = output_slope_error(ratios[-1], target, self._n_classes, self._settings.slope) / np.float32(len(labels))
        weights: list[FloatArray] = []
        biases: list[FloatArray] = []
        for index in range(len(self._weights) - 1, -1, -1):
            per_current = error / self._theta[index]
            weights.insert(0, per_current.T @ events[index])
            biases.insert(0, error.sum(axis=0))
            if index > 0:
                gate = window_gate(ratios[index - 1], self._settings.window)
                error = (per_current @ self._used(self._weights[index])) * gate
        return [*weights, *biases]
