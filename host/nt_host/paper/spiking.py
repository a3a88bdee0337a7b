"""The spiking networks of tables 6 to 8: frozen layers of integrate-and-fire neurons, tuned by the sign of an error.

A neuron of layer l is driven by a constant current for T steps, in thresholds

    r = g * (W in + b) / theta + a,      in: rates of the layer before times its theta; the features for the first

integrates it without leak, spikes where V >= 1 and begins anew at V = 0: it spikes every ceil(1 / r) steps, so that
T // ceil(1 / r) spikes come out of T steps. No step needs simulating for that (tests hold it against a loop). theta is
one number per layer, a high quantile of what the pretrained layer gives on the training samples (Rueckauer et al. 2017,
doi 10.3389/fnins.2017.00682).

Where a task's classes are among the network's, a class's score is the largest spike count of its outputs, ties going to
the larger sum; elsewhere a digital head, zero at first, weighs the rates. The error of a class is

    e = sign(target - output),      output: 1 where no class scores higher (and, without a head, one spikes), else 0

and goes to every output of the class, or back through the head. Layer by layer, with gate 1 (NT1) or h (the others),
h = 1 for 0 < r < 1 (the slope of the rate that a finer time step would give) and else 0:

    G_g = mean e gate r / g     G_a = mean e gate     G_W = mean e gate in     e_low = W^T (e gate g)

Each moves by rate * G / (largest RMS of G so far), weights by that times their own RMS; rates fall by equal factors to
a twentieth. Gains stay within what the array's codes reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nt_host.paper.frozen import FloatArray, FrozenLayers, IntArray, PaperTask, Split
from nt_host.paper.recipe import Tuning
from nt_model.gain import nominal_gain

N_STEPS = 10
THRESHOLD_QUANTILE = 0.999
END_SHARE = 0.05
ONE_Q12 = 4096
TINY = np.float32(1e-12)


def spike_counts(drive: FloatArray, n_steps: int) -> FloatArray:
    """Spikes in `n_steps` of neurons under constant `drive` (any shape, thresholds per step), as float32."""
    # The float32 quotient of an exact division may lie a hair above the integer: ceil would then lose a spike.
    period = np.ceil(1 / np.maximum(drive, TINY) - np.float32(1e-6))
    counts: FloatArray = np.floor(np.float32(n_steps) / np.maximum(period, np.float32(1))).astype(np.float32)
    return counts


@dataclass
class SpikingLayer:
    """A layer of N neurons with M inputs: `weight` (N, M), `bias` (N,), `theta`, `gain` (N,), `shift` (N,)."""

    weight: FloatArray
    bias: FloatArray
    theta: float
    gain: FloatArray
    shift: FloatArray

    def drive(self, current: FloatArray) -> FloatArray:
        """Drive in thresholds (B, N) of currents W in + b (B, N)."""
        found: FloatArray = self.gain * current / np.float32(self.theta) + self.shift
        return found

    def current(self, inputs: FloatArray) -> FloatArray:
        """W in + b (B, N) of inputs (B, M)."""
        found: FloatArray = inputs @ self.weight.T + self.bias
        return found


class Scale:
    """The largest RMS of each quantity so far."""

    def __init__(self) -> None:
        self._largest: dict[str, np.float32] = {}

    def scaled(self, name: str, values: FloatArray) -> FloatArray:
        """`values` over the largest RMS that was seen under `name`; zeros stay zeros."""
        rms = np.float32(np.sqrt(np.mean(np.square(values))))
        self._largest[name] = max(self._largest.get(name, TINY), rms)
        found: FloatArray = (values / self._largest[name]).astype(np.float32)
        return found


class SpikingNetwork:
    """Spiking layers and, for a task with classes of its own, a head.

    Args:
        frozen: pretrained layers, copied.
        n_classes: classes of the task.
        class_outputs: outputs that mean each class; empty for a head.
        samples: features (S, M) from which the thresholds are taken.
    """

    def __init__(
        self, frozen: FrozenLayers, n_classes: int, class_outputs: tuple[tuple[int, ...], ...], samples: FloatArray
    ) -> None:
        self.layers: list[SpikingLayer] = []
        inputs = samples
        for weight, bias in zip(frozen.weights, frozen.biases, strict=True):
            current = inputs @ weight.T + bias
            theta = float(np.quantile(current, THRESHOLD_QUANTILE))
            n = len(bias)
            layer = SpikingLayer(weight, bias, theta, np.ones(n, np.float32), np.zeros(n, np.float32))
            self.layers.append(layer)
            inputs = spike_counts(layer.drive(current), N_STEPS) * np.float32(theta / N_STEPS)
        n_outputs = frozen.sizes[-1]
        self.members = np.zeros((n_classes, n_outputs), np.float32)
        for index, outputs in enumerate(class_outputs):
            self.members[index, list(outputs)] = 1
        self.has_head = not class_outputs
        self.head = np.zeros((n_classes, n_outputs), np.float32)
        self.head_bias = np.zeros(n_classes, np.float32)

    def run(self, first_current: FloatArray) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """(inputs of the layers after the first and the output rates, drives by layer, scores (B, C))."""
        drives, activity = [self.layers[0].drive(first_current)], []
        for index, layer in enumerate(self.layers):
            rate = spike_counts(drives[index], N_STEPS) / np.float32(N_STEPS)
            is_last = index == len(self.layers) - 1
            activity.append(rate if is_last else rate * np.float32(layer.theta))
            if not is_last:
                following = self.layers[index + 1]
                drives.append(following.drive(following.current(activity[-1])))
        return activity, drives, self._scores(activity[-1])

    def _scores(self, rate: FloatArray) -> FloatArray:
        if self.has_head:
            found: FloatArray = rate @ self.head.T + self.head_bias
            return found
        largest = np.stack([rate[:, each > 0].max(1) for each in self.members], axis=1)
        tie_break = rate @ (self.members / self.members.sum()).T
        both: FloatArray = largest + np.float32(0.5 / N_STEPS) * tie_break
        return both

    def answers(self, first_current: FloatArray) -> IntArray:
        """Classes (B,) of first-layer currents (B, N)."""
        found: IntArray = self.run(first_current)[2].argmax(1)
        return found


def class_error(scores: FloatArray, y: IntArray, needs_spike: bool) -> FloatArray:
    """sign(target - output) in -1, 0, 1, (B, C); output is 1 where no class scores higher, and where it scores at all
    if it `needs_spike`."""
    output = scores >= scores.max(axis=1, keepdims=True)
    if needs_spike:
        # Were silence an output, a network that has fallen silent would see no error at its targets and stay so.
        output &= scores > 0
    target = np.arange(scores.shape[1])[None, :] == y[:, None]
    return np.sign(target.astype(np.float32) - output.astype(np.float32))


class Learner:
    """Moves what `tuning` lets move, batch by batch."""

    def __init__(self, network: SpikingNetwork, tuning: Tuning) -> None:
        self._network = network
        self._tuning = tuning
        self._scale = Scale()
        gains = nominal_gain() / ONE_Q12
        self._gain_range = (float(gains.min()), float(gains.max()))
        self._weight_rms = [float(np.sqrt(np.mean(np.square(each.weight)))) for each in network.layers]
        if tuning.method == "tft":
            for layer in network.layers:
                layer.weight, layer.bias = layer.weight.copy(), layer.bias.copy()

    def step(self, x: FloatArray, first_current: FloatArray, y: IntArray, progress: float) -> None:
        """One update on features (B, M), their first-layer currents (B, N) and classes (B,); progress 0..1."""
        network, method = self._network, self._tuning.method
        rate = np.float32(self._tuning.rate * END_SHARE**progress)
        activity, drives, scores = network.run(first_current)
        error = class_error(scores, y, not network.has_head)
        below = error @ (network.head if network.has_head else network.members)
        if network.has_head:
            network.head += rate * self._scale.scaled("head", error.T @ activity[-1] / np.float32(len(y)))
            network.head_bias += rate * self._scale.scaled("head bias", error.mean(0))
        if method == "none":
            return
        for index in range(len(network.layers) - 1, -1, -1):
            layer = network.layers[index]
            if method != "nt1":
                below = below * ((drives[index] > 0) & (drives[index] < 1))
            lower = (below * layer.gain) @ layer.weight if index else below
            self._move(index, below, drives[index], x if index == 0 else activity[index - 1], rate)
            below = lower

    def _move(self, index: int, error: FloatArray, drive: FloatArray, inputs: FloatArray, rate: np.float32) -> None:
        layer, method = self._network.layers[index], self._tuning.method
        if method == "tft":
            by_weight = self._scale.scaled(f"weight {index}", error.T @ inputs / np.float32(len(error)))
            layer.weight += rate * np.float32(self._weight_rms[index]) * by_weight
            layer.bias += rate * np.float32(layer.theta) * self._scale.scaled(f"bias {index}", error.mean(0))
        elif method == "additive":
            layer.shift += rate * self._scale.scaled(f"shift {index}", error.mean(0))
        else:
            by_gain = self._scale.scaled(f"gain {index}", (error * drive / layer.gain).mean(0))
            layer.gain = np.clip(layer.gain + rate * by_gain, *self._gain_range).astype(np.float32)


@lru_cache(maxsize=2)
def _prepared(frozen: FrozenLayers, task: PaperTask, run: int) -> tuple[Split, FloatArray, FloatArray]:
    """Samples of a run and the pretrained first layer's currents to both parts: the same for every tuning."""
    split = task.split(run)
    weight, bias = frozen.weights[0], frozen.biases[0]
    return split, split.x @ weight.T + bias, split.x_test @ weight.T + bias


def spiking_network(
    frozen: FrozenLayers, task: PaperTask, x: FloatArray, y: IntArray, current: FloatArray, tuning: Tuning, run: int
) -> SpikingNetwork:
    """A network tuned on features `x` (S, M), classes `y` (S,) and first-layer currents (S, N); `run` seeds
    the order."""
    network = SpikingNetwork(frozen, task.n_classes, task.class_outputs, x)
    if tuning.method == "none" and not network.has_head:
        return network
    learner = Learner(network, tuning)
    rng = np.random.default_rng([run, 8])
    starts = range(0, len(y), tuning.batch_size)
    n_steps = tuning.epochs * len(starts)
    for epoch in range(tuning.epochs):
        order = rng.permutation(len(y))
        for index, start in enumerate(starts):
            batch = order[start : start + tuning.batch_size]
            now = network.layers[0].current(x[batch]) if tuning.method == "tft" else current[batch]
            learner.step(x[batch], now, y[batch], (epoch * len(starts) + index) / max(1, n_steps - 1))
    return network


def spiking_accuracy(frozen: FrozenLayers, task: PaperTask, tuning: Tuning, run: int) -> float:
    """Accuracy (0..1) on the test samples of `run` after tuning on its training samples."""
    split, current, test_current = _prepared(frozen, task, run)
    network = spiking_network(frozen, task, split.x, split.y, current, tuning, run)
    if tuning.method == "tft":
        test_current = network.layers[0].current(split.x_test)
    return task.accuracy(network.answers(test_current), split.y_test)


def held_out_accuracy(frozen: FrozenLayers, task: PaperTask, tuning: Tuning, run: int) -> float:
    """Accuracy on every fourth training sample of `run` after tuning on the others: what rates are chosen by."""
    split, current, _ = _prepared(frozen, task, run)
    kept: NDArray[np.bool_] = np.random.default_rng([run, 4]).permutation(len(split.y)) % 4 > 0
    network = spiking_network(frozen, task, split.x[kept], split.y[kept], current[kept], tuning, run)
    held = network.layers[0].current(split.x[~kept]) if tuning.method == "tft" else current[~kept]
    return task.accuracy(network.answers(held), split.y[~kept])
