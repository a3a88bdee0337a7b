"""The constrained network in integers: 16 activity levels, weights -7..7, fan-in 64; its image, and its digital run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer, compile_network
from nt_host.systems.elman.spec import FAN_IN, N_STEPS, TOP_LEVEL
from nt_host.systems.elman.words import WordRows
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec, Image

Int64Array = NDArray[np.int64]
ONE_Q8 = 256


@dataclass(frozen=True, eq=False)
class ElmanNetwork:
    """An Elman network in the array's number formats.

    Attributes:
        word_level: (V, D) uint8, 0..15: word vectors, events of each word input over a presentation.
        hidden: H neurons with D + H inputs: the word inputs, then the hidden layer one presentation before.
        output: output neurons with H inputs.
        readout_class: class of each output neuron, uint16.

    Raises:
        UsageError: a level is above 15, the shapes do not fit, or a neuron has more than 64 synapses.
    """

    word_level: NDArray[np.uint8]
    hidden: NetworkLayer
    output: NetworkLayer
    readout_class: NDArray[np.uint16]

    def __post_init__(self) -> None:
        if int(self.word_level.max()) > TOP_LEVEL:
            raise _refused("an activity lies outside 0..15", f"level {int(self.word_level.max())}")
        neurons, inputs = self.hidden.weight.shape
        if inputs != self.word_level.shape[1] + neurons or self.output.weight.shape[1] != neurons:
            raise _refused(
                "the layers do not fit",
                f"words {self.word_level.shape}, hidden {self.hidden.weight.shape}, output {self.output.weight.shape}",
            )
        if self.fan_in > FAN_IN:
            raise _refused(f"a neuron has more than {FAN_IN} synapses", f"{self.fan_in} weights other than 0")

    @property
    def fan_in(self) -> int:
        """Most weights other than 0 of any neuron; biases (always-on synapses) are not counted."""
        return max(int((np.asarray(layer.weight) != 0).sum(axis=1).max()) for layer in (self.hidden, self.output))

    @property
    def n_hidden(self) -> int:
        return len(self.hidden.weight)

    def image(self) -> Image:
        """The chip image: both layers, 15 steps per presentation, events spread evenly over them."""
        n_inputs = self.hidden.weight.shape[1]
        encoder = EncoderSpec(
            "rate", "none", TOP_LEVEL, np.zeros(n_inputs, np.float32), np.full(n_inputs, 1 / TOP_LEVEL, np.float32)
        )
        return compile_network(
            (self.hidden, self.output),
            self.readout_class,
            encoder,
            n_steps=N_STEPS,
            metadata={"source": "Elman network; its inputs are word inputs and the hidden layer delayed"},
        )


def _refused(cause: str, evidence: str) -> UsageError:
    return UsageError(cause, evidence=evidence, next_step="train it again with `nt-host experiment elman-trec`")


def digital_levels(layer: NetworkLayer, levels: Int64Array) -> Int64Array:
    """Activities (B, N), 0..15, of a layer in digital arithmetic, for input `levels` (B, M).

    level = clip(floor((sum_j w_ij level_j + 15 b_i) / theta_i), 0, 15): a neuron that would carry what it has above
    the threshold over to the next step. The array's neuron starts from 0 instead, so its counts are at most equal
    where the input does not vary.
    """
    charge = levels @ np.asarray(layer.weight, np.int64).T + N_STEPS * np.asarray(layer.bias, np.int64)
    return np.clip(charge * ONE_Q8 // np.asarray(layer.threshold_q8, np.int64), 0, TOP_LEVEL)


def counted(questions: WordRows, rows: Int64Array, place: int, *, last_state: bool) -> Int64Array:
    """(len(rows), 1) 0/1: whether the outputs at `place` count; with `last_state` only those of the last word do."""
    ends = questions.lengths[rows] - 1 == place
    return (ends if last_state else np.ones_like(ends))[:, None].astype(np.int64)


def digital_scores(network: ElmanNetwork, questions: WordRows, *, last_state: bool = False) -> Int64Array:
    """Class scores (n, C) int64 of the network in digital arithmetic: output activities summed over the population and
    the words that count."""
    member = (network.readout_class[:, None] == np.arange(int(network.readout_class.max()) + 1)).astype(np.int64)
    hidden = np.zeros((len(questions), network.n_hidden), np.int64)
    scores = np.zeros((len(questions), member.shape[1]), np.int64)
    for place in range(int(questions.lengths.max())):
        rows = np.flatnonzero(questions.lengths > place)
        words = network.word_level[questions.words[rows, place]].astype(np.int64)
        hidden[rows] = digital_levels(network.hidden, np.concatenate([words, hidden[rows]], axis=1))
        outputs = digital_levels(network.output, hidden[rows]) @ member
        scores[rows] += counted(questions, rows, place, last_state=last_state) * outputs
    return scores
