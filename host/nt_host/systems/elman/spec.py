"""Sizes, constraints and training settings of the Elman network."""

from __future__ import annotations

from dataclasses import dataclass

from nt_host.pretrain.spec import PretrainError

TOP_LEVEL = 15
"""Highest activity: 16 levels, 0..15, each a spike count of one presentation."""
N_STEPS = TOP_LEVEL
"""Time steps of one presentation, of one word: a neuron can spike once per step."""
FAN_IN = 64


@dataclass(frozen=True)
class ElmanSpec:
    """One training run; the three numbers of epochs are of the float, the constrained and the spiking stage.

    Attributes:
        word_inputs: length of a word vector D.
        hidden: hidden neurons H.
        word_fan_in, recurrent_fan_in: synapses of a hidden neuron from words and from the hidden layer, itself
            among it; a recurrent fan-in of 0 makes a network without recurrence.
        population: output neurons per class.
        min_uses: times a word must occur in training to be known.
        max_words: words of a question that are read.
        epochs: of each stage.
        rates: Adam step at the start of each stage, in units of a rate (0..1); weights in LSB move `weight_rate` times
            as fast.
        batch_size: questions per step.
        unknown_share: share of the training words replaced by their stand-in, so that stand-ins are learned.
        silent_share: share of the word inputs silenced in a training question.
        gain_sigma: log-gain noise of neurons in the constrained and the spiking stage, drawn anew every step.
        last_state: questions are read from their last word to their first and the class is that of the last state
            alone; otherwise they are read forwards and the output's spikes are counted over all words.
        seed: of weights, connections, batches and noise.

    Raises:
        PretrainError: a fan-in exceeds FAN_IN or a size, or a number lies outside its range.
    """

    word_inputs: int = 64
    hidden: int = 64
    word_fan_in: int = 32
    recurrent_fan_in: int = 32
    population: int = 4
    min_uses: int = 2
    max_words: int = 20
    epochs: tuple[int, int, int] = (12, 4, 4)
    rates: tuple[float, float, float] = (0.01, 0.004, 0.003)
    weight_rate: float = 10.0
    batch_size: int = 64
    unknown_share: float = 0.15
    silent_share: float = 0.3
    gain_sigma: float = 0.1
    last_state: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.word_fan_in + self.recurrent_fan_in > FAN_IN or self.hidden > FAN_IN:
            raise PretrainError(f"a neuron may have {FAN_IN} inputs: {self}")
        if not 1 <= self.word_fan_in <= self.word_inputs or not 0 <= self.recurrent_fan_in <= self.hidden:
            raise PretrainError(f"a fan-in does not fit the number of inputs: {self}")
        if min(self.population, self.min_uses, self.max_words, self.batch_size) < 1 or min(self.epochs) < 0:
            raise PretrainError(f"a size or a number of epochs is too small: {self}")
        if min(self.rates) <= 0 or self.weight_rate <= 0 or self.gain_sigma < 0:
            raise PretrainError(f"a rate or a spread is not positive: {self}")
        if not (0 <= self.unknown_share < 1 and 0 <= self.silent_share < 1):
            raise PretrainError(f"a share lies outside 0 <= share < 1: {self}")
