"""What a pretraining run is given and what it returns.

Nothing here needs PyTorch, so that a command line can read, print and store a specification on a machine that
never trains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

WEIGHT_LIMIT = 7
"""Largest weight magnitude of the array: a sign and three binary-scaled current sources."""


class PretrainError(ValueError):
    """A training set or a specification that cannot give a legal network; the message says what to change."""


@dataclass(frozen=True)
class TrainSpec:
    """Settings of one spike-aware training run.

    The defaults are one set for every task. They were set beforehand and then held against their neighbours on
    held-out *pretraining* subjects of the EMG recordings and on synthetic drift of the first gas batch, where none of
    the neighbours was better on both by more than chance.
    """

    hidden: tuple[int, ...] = (512, 256)
    """Neurons of each hidden layer, input side first; an empty tuple gives a single layer."""
    population: int = 8
    """Output neurons per class."""
    steps: int = 1200
    """Optimiser steps."""
    batch_size: int = 128
    """Samples per step, drawn so that every class is equally likely."""
    learning_rate: float = 0.03
    """Adam step of the latent weights, in weight LSB; offsets move at a tenth of it."""
    gain_sigma: float = 0.2
    """Spread of the log-gain noise of each neuron, drawn anew every step."""
    threshold_sigma: float = 0.05
    """Spread of the threshold noise, relative to the layer's RMS threshold, drawn anew every step."""
    threshold_sigmas: float = 1.5
    """Height of every threshold in standard deviations of the neuron's current: how far a gain can move it."""
    hidden_start: float = 0.5
    """Standard deviations above its mean at which a hidden neuron fires before training."""
    output_start: float = 1.0
    """The same for output neurons."""
    surrogate_width: float = 1.0
    """Half width of the triangular surrogate derivative, in standard deviations of the current."""
    output_slope: float = 3.0
    """Steepness of the logistic output loss, per standard deviation of the current."""
    frozen_share: float = 0.2
    """Last share of the steps, trained with the current statistics that the image will carry."""
    worlds: int = 0
    """Distorted worlds trained side by side with the clean one (see ``worlds``); 0 trains on the clean one alone."""
    world_life: int = 500
    """Steps for which a world stays before another takes its place."""
    world_rate: float = 0.02
    """Adam step of a world's log gains."""
    clean_share: float = 0.33
    """Share of every batch that is drawn from the clean world, at gain 1."""
    threads: int = 1
    """PyTorch threads; one keeps the result independent of the number of cores."""
    seed: int = 0
    """Seed of the initial weights, the batches and the noise."""

    def __post_init__(self) -> None:
        positive = {
            "population": self.population,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "threshold_sigmas": self.threshold_sigmas,
            "surrogate_width": self.surrogate_width,
            "output_slope": self.output_slope,
            "threads": self.threads,
        }
        for name, value in positive.items():
            if not value > 0:
                raise PretrainError(f"{name} is {value!r}; it must be above 0")
        if any(count < 1 for count in self.hidden):
            raise PretrainError(f"hidden is {self.hidden!r}; every layer needs at least one neuron")
        if self.worlds < 0 or self.world_life < 2 or not self.world_rate > 0 or not 0 <= self.clean_share <= 1:
            raise PretrainError("worlds need: worlds >= 0, world_life >= 2, world_rate > 0, 0 <= clean_share <= 1")
        if self.gain_sigma < 0 or self.threshold_sigma < 0:
            raise PretrainError("gain_sigma and threshold_sigma must not be negative")
        if not 0 <= self.frozen_share < 1:
            raise PretrainError(f"frozen_share is {self.frozen_share!r}; it must be in 0 <= share < 1")


@dataclass(frozen=True)
class GradedSpec:
    """Settings of a graded ROM (see ``graded``).

    Attributes:
        time_steps: T, time steps per sample, 2..255.
        axes: principal axes, at most the number of features less ``dropped_axes``; all where there are fewer.
        dropped_axes: of the largest within-class variance, left out: drift moves along them.
        copies: neurons per axis, sign and class, each with a kink of its own.
        drive: thresholds per step that one standard deviation of a current is worth.
        kink_spread: standard deviation of the neurons' offsets, in standard deviations of the current.
        lead: as in rule `scores`, of the fit of the start gains; smaller than the rule's, so that what was learnt at
            the source weighs less than what new labels say.
        steps: updates of that fit.
        batch_size: samples per update, every class equally likely.
        rate: first step of a log gain.
        seed: of offsets and batches.
    """

    time_steps: int = 8
    axes: int = 96
    dropped_axes: int = 1
    copies: int = 2
    drive: float = 0.1
    kink_spread: float = 0.5
    lead: float = 0.2
    steps: int = 300
    batch_size: int = 96
    rate: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.time_steps <= 255:
            raise PretrainError(f"time_steps is {self.time_steps!r}; neurons that count need 2..255")
        for name in ("axes", "copies", "drive", "lead", "steps", "batch_size", "rate"):
            if not getattr(self, name) > 0:
                raise PretrainError(f"{name} is {getattr(self, name)!r}; it must be above 0")
        if self.dropped_axes < 0 or self.kink_spread < 0:
            raise PretrainError("dropped_axes and kink_spread must not be negative")


@dataclass(frozen=True)
class TrainProgress:
    """What a progress callback is told, once every few steps and after the last one."""

    step: int
    steps: int
    loss: float
    accuracy: float
    """Argmax accuracy of the last training batch, with the training noise on."""


@dataclass(frozen=True)
class TrainedLayer:
    """One layer in the number formats of the array (design, section 3)."""

    weight: NDArray[np.int8]
    """(N, M), -7..7."""
    bias: NDArray[np.int16]
    """(N,), in weight LSB."""
    threshold_q8: NDArray[np.int32]
    """(N,), Q23.8, above 0."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network in plain integer arrays, ready for the compiler."""

    layers: tuple[TrainedLayer, ...]
    class_count: int
    population: int
    train_accuracy: float
    """Argmax accuracy of the *integer* network on its training part, nominal gains, no noise."""
    train_strict_accuracy: float
    """Strict accuracy on the same samples."""
    spec: TrainSpec | GradedSpec
    history: tuple[TrainProgress, ...] = field(default=())
    n_steps: int = 1
    """Time steps per sample."""
    firing_share_q12: tuple[int, ...] = ()
    """Share of all output spikes at which each class fires (`nt_host.readout`); empty: half of its population."""

    @property
    def readout_class(self) -> NDArray[np.uint16]:
        """Class of every output neuron, uint16 (class_count * population,): populations lie side by side."""
        return np.repeat(np.arange(self.class_count, dtype=np.uint16), self.population)
