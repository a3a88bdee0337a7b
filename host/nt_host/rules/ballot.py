"""Rule `ballot`: gradient descent on the votes of whole classes, for wide output populations and switch neurons.

The votes v_c of a class are the spikes that its P_c output neurons showed on the chip, per time step:

    z_c = slope * (v_c - P_c / 2) / sqrt(P_c)
    e_c = (softmax(z)_c - y_c + half_weight / C * (1 or C / 3 for the label) * (sigmoid(z_c) - y_c)) * dz_c/dv_c

The softmax asks for argmax, the sigmoid for strict accuracy: half the population of the label, of no other class. An
error below 1 % asks for nothing. Classes are judged as a whole, so that neurons of one class may share the work; a
per-neuron loss (`dmn`, `surrogate`) asks each of them to know the class alone.

- A switch (see `switches`) has a latent state a, -1..1, active for a >= 0: dL/da = sum over the batch of e_c s x_j,
  whatever a is: the straight-through estimator of binary weights (Courbariaux et al. 2015, arXiv:1511.00363; Bengio et
  al. 2013, arXiv:1308.3432). Where its state flips, its code goes to the gain g* times or over exp(swing).
- Any other neuron moves the logarithm of its gain, by the window on estimated membranes of rule `surrogate`.
- The error of a hidden spike is e_c times the readout that the active switches amount to.

Adam (Kingma and Ba 2015, arXiv:1412.6980), with a cosine rate, on states and log gains alike. Floats, on the host:
three of 8 bytes per code; codes alone go to the chip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import (
    ByteArray,
    Observation,
    RuleEntry,
    RuleState,
    register,
    require_positive,
    require_share,
    taken,
)
from nt_host.rules.estimate import (
    FloatArray,
    FloatLayer,
    drives,
    layer_inputs,
    nearest_codes,
    nominal_log_gain,
    per_code,
)
from nt_host.rules.gain_descent import gain_parts, window_gate
from nt_host.rules.switches import SwitchBoard
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.weights import PackedWeights

TINY = 1e-8
LEAST_ERROR = 0.01
LABEL_WEIGHT_SHARE = 3.0
START_STATE = 0.15
Parts = list[tuple[NDArray[np.floating], NDArray[np.floating] | None]]


@dataclass(frozen=True)
class BallotSettings:
    """Settings of rule `ballot`.

    Attributes:
        steps: updates that the cosine rate is planned for; later updates run at the smallest rate.
        rate: first step of a log gain, per update.
        rate_switch: first step of a switch's state, per update.
        end_share: smallest rate as a share of the first.
        window: half width of the surrogate derivative, in thresholds.
        slope: steepness of the vote, per square root of a population.
        half_weight: weight of the logistic loss at half the population; small for argmax alone.
        swing: distance of a switch's log gain from where it turns, both ways.
        momentum: decay of the mean gradient.
        memory: decay of the mean squared gradient.
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
    """

    steps: int = 300
    rate: float = 0.02
    rate_switch: float = 0.04
    end_share: float = 0.05
    window: float = 0.67
    slope: float = 6.0
    half_weight: float = 0.5
    swing: float = 0.35
    momentum: float = 0.9
    memory: float = 0.99
    code_min: int = 0
    code_max: int = 255

    def __post_init__(self) -> None:
        require_positive(
            steps=self.steps,
            rate=self.rate,
            rate_switch=self.rate_switch,
            window=self.window,
            slope=self.slope,
            half_weight=self.half_weight,
            swing=self.swing,
        )
        require_share(end_share=self.end_share)
        for name, decay in (("momentum", self.momentum), ("memory", self.memory)):
            if not 0 <= decay < 1:
                raise UsageError(f"rule setting '{name}' lies outside 0 <= decay < 1", evidence=f"{decay!r}")
        if not 0 <= self.code_min <= self.code_max <= 255:
            raise UsageError("rule settings need 0 <= code_min <= code_max <= 255")


class Election:
    """Class votes of an image's output spikes, and the error that a label makes of them."""

    def __init__(self, readout_class: NDArray[np.uint16], n_classes: int, settings: BallotSettings) -> None:
        population = np.bincount(readout_class, minlength=n_classes)
        self._member = (readout_class[:, None] == np.arange(n_classes)).astype(np.float32)
        self._half = (population / 2).astype(np.float32)
        self._scale = (settings.slope / np.sqrt(population)).astype(np.float32)
        self._settings = settings

    def votes(self, spikes: FloatArray) -> FloatArray:
        """Votes (B, C) of output spikes (B, N_out)."""
        return np.asarray(spikes @ self._member, np.float32)

    def error(self, votes: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
        """Derivative of the loss by the votes, (B, C), as a mean over the batch."""
        n_classes = votes.shape[1]
        score = (votes - self._half) * self._scale
        wanted = labels[:, None] == np.arange(n_classes)
        share = np.exp(score - score.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        firing = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
        weight = np.where(wanted, max(1.0, n_classes / LABEL_WEIGHT_SHARE), 1.0) / n_classes
        error = _heeded(share - wanted) + self._settings.half_weight * weight * _heeded(firing - wanted)
        return np.asarray(error * self._scale / len(votes), np.float32)


def _heeded(error: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(np.abs(error) < LEAST_ERROR, 0, error)


class BallotRule:
    """State: per code its latent (state of a switch, else log gain) and Adam's two running means, the codes last
    written, and the update count."""

    name = "ballot"
    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: BallotSettings) -> None:
        self._image, self._settings = image, settings
        self._table = nominal_log_gain(image)
        self._board = board = SwitchBoard.of(image)
        self._election = Election(image.readout_class, image.n_classes, settings)
        self._hidden = tuple(FloatLayer.of(layer) for layer in image.layers[:-1])
        self._plain = np.setdiff1d(np.arange(image.layers[-1].n_neurons), board.neuron)
        self._voters = _voters(image, self._plain)
        self._rates = np.full(image.n_codes, settings.rate)
        self._rates[board.code] = settings.rate_switch
        self._latent = self._table[codes]
        self._latent[board.code] = np.where(self._active(codes), START_STATE, -START_STATE)
        self._codes = codes.copy()
        self._mean = np.zeros(image.n_codes, np.float64)
        self._square = np.zeros(image.n_codes, np.float64)
        self._count = np.zeros(1, np.int64)

    def _active(self, codes: ByteArray) -> NDArray[np.bool_]:
        """States (K,) that the switches have at ``codes``, nominally."""
        return np.asarray(self._table[codes[self._board.code]] >= self._board.log_turn, np.bool_)

    def update(self, observation: Observation) -> ByteArray:
        """One Adam step on the batch; see ``Rule.update``."""
        gradient = self._gradient(observation)
        settings = self._settings
        self._count += 1
        count = int(self._count[0])
        self._mean = settings.momentum * self._mean + (1 - settings.momentum) * gradient
        self._square = settings.memory * self._square + (1 - settings.memory) * gradient**2
        mean = self._mean / (1 - settings.momentum**count)
        square = self._square / (1 - settings.memory**count)
        share = 0.5 * (1 + math.cos(math.pi * min(count, settings.steps) / settings.steps))
        moved = self._latent - self._rates * max(settings.end_share, share) * mean / (np.sqrt(square) + TINY)
        low, high = self._table[settings.code_min], self._table[settings.code_max]
        switches = self._board.code
        self._latent = np.clip(moved, low, high)
        self._latent[switches] = np.clip(moved[switches], -1, 1)
        self._codes = self._next_codes()
        return self._codes.copy()

    def _next_codes(self) -> ByteArray:
        settings, board = self._settings, self._board
        codes = nearest_codes(self._latent, self._table)
        active = self._latent[board.code] >= 0
        kept = self._codes[board.code]
        turned = nearest_codes(board.log_turn + np.where(active, settings.swing, -settings.swing), self._table)
        codes[board.code] = np.where(active == self._active(self._codes), kept, turned)
        # Where codes share a gain, the nearest one may lie beyond the limit.
        return np.clip(codes, settings.code_min, settings.code_max)

    def _gradient(self, observation: Observation) -> NDArray[np.float64]:
        """Loss by latent, (n_codes,), mean over the batch."""
        # The codes are rounded; the gradient belongs to the gains that the chip really ran at.
        gain = np.exp(self._table[observation.codes]).astype(np.float32)
        inputs = layer_inputs(self._image, observation)
        estimated = drives(self._hidden, inputs[:-1], gain)
        spikes = observation.plain[-1].astype(np.float32) / np.float32(self._image.n_steps)
        error = self._election.error(self._election.votes(spikes), observation.labels)
        layers, parts = list(self._hidden), []
        below = error @ self._board.readout(self._active(observation.codes))
        if self._voters is not None:
            layers.append(self._voters)
            (voted,) = drives((self._voters,), inputs[-1:], gain)
            mine = error[:, self._image.readout_class[self._plain]] * window_gate(voted.total, self._settings.window)
            parts.append(gain_parts(mine, voted))
            below = below + self._voters.back(mine, gain)
        parts = self._hidden_parts(below, estimated, gain) + parts
        total = per_code(self._image.n_codes, tuple(layers), parts)
        total[self._board.code] = self._board.gradient(error, inputs[-1])
        return total

    def _hidden_parts(self, below: FloatArray, estimated: tuple[Any, ...], gain: FloatArray) -> Parts:
        """Gradients by the log gains of the hidden layers, for the error ``below`` (B, M) of the last one's spikes."""
        parts: Parts = []
        for layer, drive in zip(reversed(self._hidden), reversed(estimated), strict=True):
            error = below * window_gate(drive.total, self._settings.window)
            parts.insert(0, gain_parts(error, drive))
            below = layer.back(error, gain)
        return parts

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {
            "latent": self._latent.copy(),
            "codes": self._codes.copy(),
            "mean": self._mean.copy(),
            "square": self._square.copy(),
            "count": self._count.copy(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        latent, codes = taken(state, "latent", self._latent), taken(state, "codes", self._codes)
        mean, square = taken(state, "mean", self._mean), taken(state, "square", self._square)
        self._count = taken(state, "count", self._count)
        self._latent, self._codes, self._mean, self._square = latent, codes, mean, square


def _voters(image: Image, plain: NDArray[np.int64]) -> FloatLayer | None:
    """The output neurons that are no switches; None where all are."""
    if not len(plain):
        return None
    layer = image.layers[-1]
    return FloatLayer.of(
        replace(
            layer,
            packed=PackedWeights.of(layer.weight[plain]),
            bias=layer.bias[plain],
            threshold_q8=layer.threshold_q8[plain],
            domain=layer.domain[plain],
        )
    )


register(
    RuleEntry(
        name="ballot",
        summary="Adam on the votes of whole classes; codes of switch neurons as binary weights (host loop)",
        settings_type=BallotSettings,
        build=BallotRule,
    )
)
