"""Streaming: samples come one by one in the order of time, are predicted first, and now and then the label follows.

The score is prequential (Gama et al. 2013, Machine Learning 90, 317): every sample is a test before it may be a
lesson. Three learners meet the same stream and the same labels: the chip with codes that learn, the same chip with
its codes left alone, and a digital copy of the network that may change every weight. A learner keeps the latest few
labelled samples of each class on the host, and after every label makes a few small steps on them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip
from nt_host.adapt.batches import BatchDraw
from nt_host.adapt.deck import Deck
from nt_host.adapt.settings import AdaptSettings
from nt_host.adapt.stepper import make_stepper
from nt_host.evaluate import encoded, plain_readout
from nt_host.readout import predict
from nt_host.rules.tft import FullTuning, FullTuningSettings
from nt_host.tasks import Dataset, Task
from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LEARNERS = ("codes", "frozen", "tft")
_ORDER_STREAM = 5
_LABEL_STREAM = 6


@dataclass(frozen=True)
class StreamSettings:
    """How a stream is learned from.

    Attributes:
        label_share: chance that a sample's label follows its prediction, 0 < share <= 1.
        memory_per_class: labelled samples of each class that are kept, the latest ones.
        steps_per_label: learning steps after each label.
        batch_size: samples of a step, drawn from the memory, every class alike.
        rate_code: rate of rule `dmn`, the same at every step.
        rate_lsb: first Adam step of a weight of full fine-tuning after each label, in weight LSB.
    """

    label_share: float = 0.1
    memory_per_class: int = 8
    steps_per_label: int = 4
    batch_size: int = 16
    rate_code: float = 5.0
    rate_lsb: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.label_share <= 1:
            raise UsageError(
                "the share of labels lies outside 0 < share <= 1",
                evidence=str(self.label_share),
                next_step="give `--label-share 0.1`",
            )


@dataclass(frozen=True, eq=False)
class Stream:
    """Samples in the order in which they come: `x` (n, M) uint8, `labels` (n,), `told` (n,) whether the label follows,
    `domains` (name, samples) in the order of time."""

    x: ByteArray
    labels: Int64Array
    told: BoolArray
    domains: tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False)
class StreamRun:
    """One learner on one stream: `right` (n,) whether each prediction was right; `seconds` spent."""

    learner: str
    seed: int
    right: BoolArray
    seconds: float


def make_stream(task: Task, image: Image, settings: StreamSettings, seed: int) -> Stream:
    """All samples of the targets of `task`, one target after the other, shuffled within each by `seed`."""
    order = np.random.default_rng([seed, _ORDER_STREAM])
    parts: list[Dataset] = [target.pool.take(order.permutation(len(target.pool))) for target in task.targets]
    labels = np.concatenate([part.labels for part in parts])
    told = np.random.default_rng([seed, _LABEL_STREAM]).random(len(labels)) < settings.label_share
    x = np.concatenate([encoded(image, part) for part in parts])
    domains = tuple((target.name, len(part)) for target, part in zip(task.targets, parts, strict=True))
    return Stream(x, labels, told, domains)


class Learner(Protocol):
    """Predicts samples and learns from labelled ones, both given as rows of the stream."""

    def predictions(self, rows: Int64Array) -> Int64Array: ...

    def learn(self, memory: Int64Array, lesson: int) -> None:
        """Learn from the rows `memory`, whose labels are known; `lesson` counts the labels so far."""
        ...


class ChipLearner:
    """A chip over the wire; its codes learn by rule `dmn` unless `frozen`."""

    def __init__(
        self, chip: Chip, image: Image, stream: Stream, settings: StreamSettings, seed: int, *, frozen: bool
    ) -> None:
        self._chip, self._image, self._stream = chip, image, stream
        self._settings, self._seed, self._frozen = settings, seed, frozen
        self._deck = Deck(chip, stream.x)
        rate = {"rate_code": settings.rate_code, "end_share": 1.0}
        chosen = AdaptSettings(rule_options=rate, batch_size=settings.batch_size, seed=seed)
        self._stepper = make_stepper(chip, image, chosen, 1, None)

    def predictions(self, rows: Int64Array) -> Int64Array:
        response = self._deck.present(rows, plain_readout(self._chip.info))
        return predict(self._image.readout_class, response.plain[-1], response.membrane_q8)

    def learn(self, memory: Int64Array, lesson: int) -> None:
        if self._frozen:
            return
        labels = self._stream.labels
        draw = BatchDraw(labels[memory], self._settings.batch_size, self._seed)
        for index in range(self._settings.steps_per_label):
            step = lesson * self._settings.steps_per_label + index
            rows = memory[draw.rows(step)]
            self._stepper.step(self._deck, rows, labels[rows], step)
        self._stepper.settle()


class DigitalLearner:
    """Full fine-tuning of a float copy: every weight learns, no chip."""

    def __init__(self, image: Image, stream: Stream, settings: StreamSettings, seed: int) -> None:
        self._image, self._stream = image, stream
        chosen = FullTuningSettings(
            steps=settings.steps_per_label, batch_size=settings.batch_size, rate_lsb=settings.rate_lsb, seed=seed
        )
        self._network = FullTuning(image, chosen)

    def predictions(self, rows: Int64Array) -> Int64Array:
        return predict(self._image.readout_class, self._network.spikes(self._stream.x[rows]))

    def learn(self, memory: Int64Array, lesson: int) -> None:
        self._network.fit(self._stream.x[memory], self._stream.labels[memory], lesson)


def _between_labels(told: BoolArray) -> Iterator[Int64Array]:
    """Rows up to and with each told label, then the rest: nothing changes within such a piece."""
    ends = np.flatnonzero(told) + 1
    return (piece for piece in np.split(np.arange(len(told)), ends) if len(piece))


def run_stream(
    learner: Learner,
    stream: Stream,
    memory_per_class: int,
    on_sample: Callable[[int], None] = lambda seen: None,
) -> BoolArray:
    """Whether each prediction was right, (n,). Samples between two labels are presented together, which changes
    nothing: no code moves in between."""
    right = np.zeros(len(stream.labels), np.bool_)
    kept = {int(label): deque[int](maxlen=memory_per_class) for label in np.unique(stream.labels)}
    lessons = 0
    for piece in _between_labels(stream.told):
        right[piece] = learner.predictions(piece) == stream.labels[piece]
        last = int(piece[-1])
        if stream.told[last]:
            kept[int(stream.labels[last])].append(last)
            learner.learn(np.array([row for queue in kept.values() for row in queue], np.int64), lessons)
            lessons += 1
        on_sample(last + 1)
    return right


def timed(learner_name: str, seed: int, run: Callable[[], BoolArray]) -> StreamRun:
    """What `run` gives, with the time that it took."""
    started = time.monotonic()
    right = run()
    return StreamRun(learner_name, seed, right, round(time.monotonic() - started, 3))
