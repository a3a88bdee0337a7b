"""Frozen pretrained dense layers, and a task's samples as those layers see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FrozenLayers:
    """Dense layers that nothing may change.

    Attributes:
        name: of the network that they come from.
        weights: by layer (N, M), float32.
        biases: by layer (N,), float32.
        tunes_outputs: the last layer's neurons have a rectifier and gains too. The paper's network has enough layers
            without that; a network of a single layer would be left with its inputs.
    """

    name: str
    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    tunes_outputs: bool = False

    def __post_init__(self) -> None:
        widths = [self.sizes[0], *(weight.shape[0] for weight in self.weights)]
        fits = [
            weight.shape == (n, m) and bias.shape == (n,)
            for weight, bias, m, n in zip(self.weights, self.biases, widths[:-1], widths[1:], strict=True)
        ]
        if not all(fits):
            raise UsageError(
                f"the layers of {self.name} do not fit each other",
                evidence=str([weight.shape for weight in self.weights]),
                next_step="give weights (N, M) and biases (N,), each M the N before",
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then the neurons of every layer."""
        return (self.weights[0].shape[1], *(weight.shape[0] for weight in self.weights))

    @property
    def feed_forward_groups(self) -> tuple[int, ...]:
        """Neurons with a gain in the feed-forward tables, by layer, inputs first."""
        return self.sizes if self.tunes_outputs else self.sizes[:-1]


@dataclass(frozen=True)
class Split:
    """One run's samples: features (S, M) float32 and classes (S,) int64, for learning and for judging."""

    x: FloatArray
    y: IntArray
    x_test: FloatArray
    y_test: IntArray


@dataclass(frozen=True)
class PaperTask:
    """A task to transfer to.

    Attributes:
        name: as the tables show it.
        stands_for: the paper's task in whose place it stands.
        is_balanced_accuracy: mean of the classes' accuracies instead of the share of right samples.
        split: samples of run 0, 1, ...
        class_outputs: by class, the network's outputs that mean it; empty where a head is needed.
    """

    name: str
    stands_for: str
    n_classes: int
    is_balanced_accuracy: bool
    split: Callable[[int], Split]
    class_outputs: tuple[tuple[int, ...], ...] = ()

    def accuracy(self, found: IntArray, wanted: IntArray) -> float:
        """Share (0..1) of right answers `found` (S,), by class first where the task asks for it."""
        right = found == wanted
        if not self.is_balanced_accuracy:
            return float(np.mean(right))
        return float(np.mean([right[wanted == each].mean() for each in np.unique(wanted)]))


@dataclass(frozen=True)
class Setting:
    """A network and the tasks to transfer to; `told` says what they are, `digest` names the data."""

    frozen: FrozenLayers
    tasks: tuple[PaperTask, ...]
    told: str
    digest: str
