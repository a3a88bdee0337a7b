"""Rule `dfa`: rule `dmn` with errors sent straight from the output to every hidden layer, for want of ROM reads.

Gate, margin and normalised steps are those of `dmn` (``nt_model.learn``); only the way down differs. The output error e
goes to hidden layer l through a fixed ternary matrix in place of the transposed weights of all layers between
(direct feedback alignment: Nokland 2016, arXiv:1609.01596):

    err_l = F_l^T e,    F_l = ternary(W_top ... W_(l+1))    feedback = 1: two bits per hidden neuron and class neuron,
                                                            made once from the image
                        F_l = random signs                  feedback = 0: knows nothing of the image

ternary(A) keeps the sign of entries of A above half of its root mean square, and is 0 elsewhere; products are whole
numbers within +-2^30, exact (`exact`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nt_hil.chip import Dither
from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_seed
from nt_host.rules.dmn import DitherSettings, learn_settings
from nt_host.rules.exact import ExactProduct, Int64Array, root_mean_square, saturated
from nt_host.rules.integer_state import IntegerState
from nt_model import learn
from nt_model.errors import UsageError
from nt_model.image import Image

PRODUCT_BITS = 30


@dataclass(frozen=True)
class FeedbackSettings(DitherSettings):
    """Settings of rule `dfa`: those of the device's step, and its own.

    Attributes:
        feedback: 1 for the ternary product of the image's weights, 0 for random signs.
        seed: of the random signs.
    """

    feedback: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feedback not in (0, 1):
            raise UsageError("rule setting 'feedback' is neither 0 nor 1", evidence=f"{self.feedback!r}")
        require_seed(self.seed)


def ternary(product: Int64Array) -> Int64Array:
    """Signs of the entries of ``product``, within +-2^30, above half of its root mean square, 0 elsewhere."""
    return np.sign(product) * (2 * np.abs(product) > root_mean_square(product))


def feedback_matrices(image: Image, settings: FeedbackSettings) -> tuple[Int64Array, ...]:
    """F of every hidden layer, input side first, each (N_out, N_l) of -1, 0, 1."""
    if settings.feedback == 0:
        rng = np.random.default_rng(settings.seed)
        shapes = [(image.layers[-1].n_neurons, layer.n_neurons) for layer in image.layers[:-1]]
        return tuple(rng.choice(np.array([-1, 1], np.int64), shape) for shape in shapes)
    product = np.eye(image.layers[-1].n_neurons, dtype=np.int64)
    found: list[Int64Array] = []
    for layer in image.layers[:0:-1]:
        product = saturated(ExactProduct(layer.weight, 1 << PRODUCT_BITS)(product), PRODUCT_BITS)
        found.insert(0, ternary(product))
    return tuple(found)


class FeedbackRule(IntegerState):
    """State: as rule `dmn`."""

    name = "dfa"
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: FeedbackSettings) -> None:
        self.dither: Dither | None = settings.dither
        self._image = image
        self._settings = settings
        self._feedback = tuple(ExactProduct(matrix, 1) for matrix in feedback_matrices(image, settings))
        super().__init__(codes)

    def update(self, observation: Observation) -> ByteArray:
        """One step on the batch; see ``Rule.update``. UsageError for a batch without dithered spikes."""
        spikes = self._dithered(observation, len(self._image.layers))
        error = learn.output_error(self._image, spikes, observation.labels)
        hidden = [
            sent(error) * (plus != minus)
            for sent, plus, minus in zip(self._feedback, spikes.plus, spikes.minus, strict=False)
        ]
        total = learn.code_error(self._image, (*hidden, error))
        settings = learn_settings(self._settings, self.updates)
        return self._updated(learn.update_codes(self._present(observation.codes), total, settings))


register(
    RuleEntry(
        name="dfa",
        summary="dmn with direct ternary or random feedback in place of transposed ROM reads (host loop)",
        settings_type=FeedbackSettings,
        build=FeedbackRule,
    )
)
