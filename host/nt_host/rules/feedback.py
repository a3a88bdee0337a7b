"""Rule `dfa`: rule `dmn` with errors sent straight from the output to every hidden layer, for want of ROM reads.

Gate, margin and normalised steps are those of `dmn` (``nt_model.learn``); only the way down differs. The output error e
goes to hidden layer l through a fixed ternary matrix in place of the transposed weights of all layers between
(direct feedback alignment: Nokland 2016, arXiv:1609.01596):

    err_l = F_l^T e,    F_l = ternary(W_top ... W_(l+1))    feedback = 1: two bits per hidden neuron and class neuron,
                                                            made once from the image
                        F_l = random signs                  feedback = 0: knows nothing of the image

ternary(A) keeps the sign of entries of A above half of its root mean square, and is 0 elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import (
    ByteArray,
    Observation,
    RuleEntry,
    register,
)
from nt_host.rules.dmn import DmnSettings, learn_settings
from nt_host.rules.integer_state import IntegerState
from nt_model import learn
from nt_model.errors import UsageError
from nt_model.image import Image

FloatArray = NDArray[np.float32]
CUT = 0.5
"""Entries of the product below this share of its root mean square feed nothing back."""
OWN = ("feedback", "seed")


@dataclass(frozen=True)
class FeedbackSettings:
    """Settings of rule `dfa`; all but the last two as in ``DmnSettings``.

    Attributes:
        feedback: 1 for the ternary product of the image's weights, 0 for random signs.
        seed: of the random signs.
    """

    steps: int = 300
    rate_code: float = 10.0
    end_share: float = 0.05
    hidden_dither_code: int = 48
    output_dither_code: int = 48
    max_move_code: int = 16
    code_min: int = 0
    code_max: int = 255
    feedback: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.feedback not in (0, 1):
            raise UsageError("rule setting 'feedback' is neither 0 nor 1", evidence=f"{self.feedback!r}")
        if self.seed < 0:
            raise UsageError("rule setting 'seed' is below 0", evidence=f"{self.seed!r}")
        self.steps_of_dmn()

    def steps_of_dmn(self) -> DmnSettings:
        """The settings that are rule `dmn`'s; UsageError where one lies outside its range."""
        shared = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in OWN}
        return DmnSettings(**shared)


def ternary(product: NDArray[np.floating]) -> FloatArray:
    """Signs of the entries above ``CUT`` of the root mean square, 0 elsewhere; same shape, float32."""
    cut = CUT * float(np.sqrt(np.mean(np.square(product, dtype=np.float64))))
    signs: FloatArray = (np.sign(product) * (np.abs(product) > cut)).astype(np.float32)
    return signs


def feedback_matrices(image: Image, settings: FeedbackSettings) -> tuple[FloatArray, ...]:
    """F of every hidden layer, input side first, each (N_out, N_l) float32 of -1, 0, 1."""
    if settings.feedback == 0:
        rng = np.random.default_rng(settings.seed)
        shapes = [(image.layers[-1].n_neurons, layer.n_neurons) for layer in image.layers[:-1]]
        return tuple(rng.choice(np.array([-1, 1], np.float32), shape) for shape in shapes)
    product = np.eye(image.layers[-1].n_neurons, dtype=np.float32)
    found: list[FloatArray] = []
    for layer in image.layers[:0:-1]:
        product = product @ layer.weight.astype(np.float32)
        found.insert(0, ternary(product))
    return tuple(found)


class FeedbackRule(IntegerState):
    """State: as rule `dmn`."""

    name = "dfa"
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: FeedbackSettings) -> None:
        self.dither: Dither | None = Dither(settings.hidden_dither_code, settings.output_dither_code)
        self._image = image
        self._settings = settings
        self._feedback = feedback_matrices(image, settings)
        super().__init__(codes)

    def update(self, observation: Observation) -> ByteArray:
        """One step on the batch; see ``Rule.update``. UsageError for a batch without dithered spikes."""
        layers = len(self._image.layers)
        if len(observation.plus) != layers or len(observation.minus) != layers:
            raise UsageError(
                "rule 'dfa' needs the dithered spikes of every layer",
                evidence=f"{len(observation.plus)} and {len(observation.minus)} of {layers} layers",
                next_step="read out with dither, or choose another `--rule`",
            )
        spikes = learn.Spikes(observation.plain, observation.plus, observation.minus)
        error = learn.output_error(self._image, spikes, observation.labels)
        hidden = [
            (error.astype(np.float32) @ matrix).astype(np.int64) * (plus != minus)
            for matrix, plus, minus in zip(self._feedback, observation.plus, observation.minus, strict=False)
        ]
        total = learn.code_error(self._image, (*hidden, error))
        present = learn.LearnState(observation.codes, self._learned.accumulator_q8, self._learned.mean_q8)
        self._learned = learn.update_codes(present, total, learn_settings(self._settings.steps_of_dmn(), self.updates))
        self.updates += 1
        return self._learned.codes.copy()


register(
    RuleEntry(
        name="dfa",
        summary="dmn with direct ternary or random feedback in place of transposed ROM reads (host loop)",
        settings_type=FeedbackSettings,
        build=FeedbackRule,
    )
)
