"""Rule `ballot`: descent on the votes of whole classes, for wide output populations and switch neurons; whole numbers.

The error e_c of a class's votes is that of `election`. Classes are judged as a whole, so that neurons of one class may
share the work; a per-neuron loss (`dmn`, `surrogate`) asks each of them to know the class alone.

- A switch (see `switches`) has a latent state a, -1..1 in Q24, active for a >= 0: dL/da = sum over the batch of
  e_c s x_j, whatever a is: the straight-through estimator of binary weights (Courbariaux et al. 2015, arXiv:1511.00363;
  Bengio et al. 2013, arXiv:1308.3432). Where its state flips, its code goes to the gain g* times or over exp(swing).
- Any other neuron moves the logarithm of its gain, by the window of rule `surrogate` on the drives of
  `integer_estimate`.
- The error of a hidden spike is e_c times the readout that the active switches amount to.

Gradients are means over the batch in Q21 within +-2^26; states and log gains move by `normalised_descent`. Whole
numbers, 20 bytes beside every code, the same on every machine; codes alone go to the chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_positive
from nt_host.rules.descent_settings import DescentSettings
from nt_host.rules.election import ERROR_BITS as VOTE_BITS
from nt_host.rules.election import Election
from nt_host.rules.exact import ExactProduct, Int64Array, divided, saturated
from nt_host.rules.integer_estimate import (
    ERROR_BITS,
    GRADIENT_BITS,
    IntegerLayer,
    carried_down,
    drives_of,
    gains_q12,
    gated,
    integer_layers,
    layer_events,
    log_gain_table_q24,
    mean_gradient,
    nearest_codes,
    of_neurons,
    sum_of,
    window_slope,
)
from nt_host.rules.normalised_descent import NormalisedDescent, log_rate_q24, whole_rate_q24
from nt_host.rules.switches import SwitchBoard, turned_codes
from nt_model.image import Image

ONE_Q24 = 1 << 24
START_STATE_Q24 = 2516582
"""0.15: how sure of its state a switch begins."""


@dataclass(frozen=True)
class BallotSettings(DescentSettings):
    """Settings of rule `ballot`: those of the family, and its own.

    Attributes:
        rate_switch: first step of a switch's state, per update.
        slope: steepness of the vote, per square root of a population.
        half_weight: weight of the logistic loss at half the population; small for argmax alone.
        swing: distance of a switch's log gain (natural) from where it turns, both ways.
    """

    rate: float = 0.02
    rate_switch: float = 0.04
    slope: float = 6.0
    half_weight: float = 0.5
    swing: float = 0.35

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(rate_switch=self.rate_switch, slope=self.slope, half_weight=self.half_weight, swing=self.swing)


class BallotRule(NormalisedDescent):
    """State: that of the normalised descent, whose position is the state of a switch, else a log gain; and the codes
    last written."""

    remembers: ClassVar[tuple[str, ...]] = (*NormalisedDescent.remembers, "codes")
    name = "ballot"
    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: BallotSettings) -> None:
        self._image, self._settings = image, settings
        self._table = log_gain_table_q24(image)
        self._board = board = SwitchBoard.of(image)
        self._election = Election(
            image.readout_class,
            image.n_classes,
            image.n_steps,
            slope=settings.slope,
            half_weight=settings.half_weight,
        )
        layers = integer_layers(image)
        self._hidden = layers[:-1]
        self._plain = np.setdiff1d(np.arange(image.layers[-1].n_neurons), board.neuron)
        self._voters = self._voters_of(layers[-1])
        self._slope = window_slope(settings.window)
        self._turned = turned_codes(board, self._table, settings.swing)
        rates = np.full(image.n_codes, log_rate_q24(settings.rate))
        rates[board.code] = whole_rate_q24(settings.rate_switch)
        start = self._table[codes]
        start[board.code] = np.where(self._active(codes), START_STATE_Q24, -START_STATE_Q24)
        self._low = np.full(image.n_codes, self._table[settings.code_min])
        self._high = np.full(image.n_codes, self._table[settings.code_max])
        self._low[board.code], self._high[board.code] = -ONE_Q24, ONE_Q24
        self._codes = codes.copy()
        super().__init__(start, rates, settings)

    def _voters_of(self, last: IntegerLayer) -> IntegerLayer | None:
        """The output neurons that are no switches; None where all are."""
        if not len(self._plain):
            return None
        if len(self._plain) == self._image.layers[-1].n_neurons:
            return last
        return IntegerLayer.of(of_neurons(self._image.layers[-1], self._plain), last.steps, last.event_limit)

    def _active(self, codes: ByteArray) -> NDArray[np.bool_]:
        """States (K,) that the switches have at ``codes``, nominally."""
        return np.asarray(gains_q12(self._image, codes)[self._board.code] >= self._board.least_gain_q12, np.bool_)

    def update(self, observation: Observation) -> ByteArray:
        """One step on the batch; see ``Rule.update``."""
        latent = self.move(self._gradient(observation), self._low, self._high)
        settings, board = self._settings, self._board
        codes = nearest_codes(latent, self._table)
        active = latent[board.code] >= 0
        turned = np.where(active, self._turned[1], self._turned[0])
        codes[board.code] = np.where(active == self._active(self._codes), self._codes[board.code], turned)
        # Where codes share a gain, the nearest one may lie beyond the limit.
        self._codes = np.clip(codes, settings.code_min, settings.code_max)
        return self._codes.copy()

    def _gradient(self, observation: Observation) -> Int64Array:
        """Loss by latent, (n_codes,) Q21."""
        # The codes are rounded; the gradient belongs to the gains that the chip really ran at.
        gain = gains_q12(self._image, observation.codes)
        events, batch, steps = layer_events(observation), len(observation.labels), self._image.n_steps
        error = self._election.error(self._election.votes(observation.plain[-1]), observation.labels)
        below = ExactProduct(self._board.readout(self._active(observation.codes)), 1 << VOTE_BITS)(error)
        total = np.zeros(self._image.n_codes, np.int64)
        if self._voters is not None:
            voted = self._voters.drive(events[-1], gain)
            mine = gated(error[:, self._image.readout_class[self._plain]], self._slope(sum_of(voted)))
            total += carried_down((self._voters,), (voted,), mine, gain, self._slope)
            below = below + self._voters.back(mine, gain)
        if self._hidden:
            drives = drives_of(self._hidden, events[:-1], gain)
            last = gated(saturated(below, ERROR_BITS), self._slope(sum_of(drives[-1])))
            total += carried_down(self._hidden, drives, last, gain, self._slope)
        gradient = mean_gradient(total, batch)
        switched = self._board.gradient(error, events[-1], steps if self._hidden else 255)
        gradient[self._board.code] = saturated(divided(switched << 6, max(1, batch * steps)), GRADIENT_BITS)
        return gradient


register(
    RuleEntry(
        name="ballot",
        summary="votes of whole classes; codes of switch neurons as binary weights; integers only (host loop)",
        settings_type=BallotSettings,
        build=BallotRule,
    )
)
