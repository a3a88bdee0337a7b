"""Training of the Elman network through its three stages by backpropagation through time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nt_host.pretrain.spike_train import torch_threads
from nt_host.systems.elman.constrained import ElmanNetwork
from nt_host.systems.elman.spec import ElmanSpec
from nt_host.systems.elman.trainable import ElmanTrainable, Stage
from nt_host.systems.elman.words import WordRows

Int64Array = NDArray[np.int64]
OnStage = Callable[[str], None]

SMALLEST_RATE_SHARE = 0.02
LARGEST_GRADIENT = 1.0
BATCHES_PER_CHUNK = 8
LOSS_SLOPE = {Stage.FLOAT: 4.0, Stage.CONSTRAINED: 8.0, Stage.SPIKING: 8.0}


@dataclass(frozen=True, eq=False)
class TrainedElman:
    """What training gives: class scores of the float network on the test (n, C), and the network in integers after
    rounding alone, after the constrained and after the spiking stage."""

    float_scores: NDArray[np.float32]
    rounded: ElmanNetwork
    constrained: ElmanNetwork
    spiking: ElmanNetwork


def length_batches(lengths: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Rows of each batch of one epoch, in random order, sorted by length within chunks so that the questions of a batch
    are of like length; a rest smaller than a batch is a batch too."""
    order = torch.randperm(len(lengths), generator=generator)
    for chunk in torch.split(order, BATCHES_PER_CHUNK * batch_size):
        by_length = chunk[lengths[chunk].argsort(stable=True)]
        yield from torch.split(by_length, batch_size)


class _Trainer:
    def __init__(self, spec: ElmanSpec, questions: WordRows, labels: Int64Array, n_words: int, n_classes: int) -> None:
        self._spec = spec
        self._generator = torch.Generator().manual_seed(spec.seed)
        self._words, self._shapes, self._lengths = (
            torch.from_numpy(part) for part in (questions.words, questions.shapes, questions.lengths)
        )
        self._labels = torch.from_numpy(labels)
        self.net = ElmanTrainable(spec, n_words, n_classes, self._generator)

    def _noisy_words(self, rows: Tensor, longest: int) -> Tensor:
        words, shapes = self._words[rows, :longest], self._shapes[rows, :longest]
        unknown = torch.rand(words.shape, generator=self._generator) < self._spec.unknown_share
        return torch.where(unknown, shapes, words)

    def _loss(self, rows: Tensor, stage: Stage) -> Tensor:
        spec, lengths = self._spec, self._lengths[rows]
        words = self._noisy_words(rows, int(lengths.max()))
        heard = torch.rand(len(rows), 1, spec.word_inputs, generator=self._generator) >= spec.silent_share
        sigma = 0.0 if stage is Stage.FLOAT else spec.gain_sigma
        scores = self.net.scores(words, lengths, stage, heard.float(), sigma)
        # Without this, long questions would have to be more certain than short ones.
        scale = torch.ones(len(rows), 1) if spec.last_state else lengths[:, None].float().rsqrt()
        return functional.cross_entropy(LOSS_SLOPE[stage] * scale * scores, self._labels[rows])

    def run(self, stage: Stage, epochs: int, rate: float) -> None:
        """Train `epochs` epochs from rate `rate` down, on a cosine."""
        layers = (self.net.hidden, self.net.output)
        others = [self.net.vectors, *(each for layer in layers for each in (layer.offset, layer.log_threshold))]
        optimiser = torch.optim.Adam(
            [
                {"params": [layer.latent for layer in layers], "lr": rate * self._spec.weight_rate},
                {"params": others, "lr": rate},
            ]
        )
        steps = epochs * math.ceil(len(self._lengths) / self._spec.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: max(SMALLEST_RATE_SHARE, 0.5 * (1 + math.cos(math.pi * step / max(1, steps))))
        )
        for _ in range(epochs):
            for rows in length_batches(self._lengths, self._spec.batch_size, self._generator):
                optimiser.zero_grad()
                self._loss(rows, stage).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
                optimiser.step()
                schedule.step()
                self.net.clamp()


def train_elman(
    spec: ElmanSpec,
    train: WordRows,
    labels: Int64Array,
    test: WordRows,
    n_words: int,
    n_classes: int,
    on_stage: OnStage = lambda stage: None,
) -> TrainedElman:
    """Train on questions `train` with `labels` (n,) 0..n_classes-1 through all three stages.

    `test` is only read by the float network once it is trained; `n_words` is the size of the vocabulary.
    """
    with torch_threads(1):
        trainer = _Trainer(spec, train, labels, n_words, n_classes)
        on_stage(Stage.FLOAT.value)
        trainer.run(Stage.FLOAT, spec.epochs[0], spec.rates[0])
        with torch.no_grad():
            scores = trainer.net.scores(torch.from_numpy(test.words), torch.from_numpy(test.lengths), Stage.FLOAT)
        networks = [trainer.net.network()]
        for stage, epochs, rate in zip(
            (Stage.CONSTRAINED, Stage.SPIKING), spec.epochs[1:], spec.rates[1:], strict=True
        ):
            on_stage(stage.value)
            trainer.run(stage, epochs, rate)
            networks.append(trainer.net.network())
        return TrainedElman(scores.numpy(), *networks)
