"""Rule `discriminant`: the codes of switches are the weights of a linear discriminant on the spikes below; integers.

For the first `steps` updates the rule gathers the moments of the spikes below the switches (`hidden_moments`) and
leaves all codes as they are. Update number `steps` turns the switches to what `whole_weights` makes of them; later
updates do so again, each with its batch added. A weight of +2 at class c and neuron j is two voting switches of c on j,
a weight of -1 one vetoing switch (`switches`), so that what a class has of them are the weight's limits. A class that
no sample had has all its vetoing switches on: with no weights it would stay at half its votes, above a sample's own
class where that is unsure. Codes of all other neurons stay.

Rule `ballot` asks for margin, sample by sample, and ends where the labelled samples are fitted. A discriminant also
divides by how the spikes scatter within a class: what scatters in the labelled samples is trusted less in later ones.

State: 8 (m + 1)(m + C) bytes for m neurons below and C classes. The same spikes give the same codes anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    require_code_range,
    require_positive,
    require_share,
    taken,
)
from nt_host.rules.exact import Int64Array
from nt_host.rules.hidden_moments import ONE_Q16, HiddenMoments
from nt_host.rules.integer_estimate import layer_events, log_gain_table_q24
from nt_host.rules.switches import SwitchBoard, turned_codes
from nt_host.rules.whole_weights import whole_weights
from nt_model.errors import UsageError
from nt_model.image import Image

LARGEST = 16
"""Of `reach` and `offset`: keeps the sums of `whole_weights` within 64 bits."""


@dataclass(frozen=True)
class DiscriminantSettings:
    """Settings of rule `discriminant`.

    Attributes:
        steps: updates that gather before the switches turn.
        shrink: share of the unit matrix in the scatter within classes, 1/65536 to 1.
        reach: weights before rounding, root mean square where the scatter is the unit matrix.
        offset: how firmly the middle between a class and all others is held at half the votes.
        passes: most passes of the coordinate descent.
        swing: distance of a switch's log gain (natural) from where it turns, both ways.
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
    """

    steps: int = 24
    shrink: float = 0.8
    reach: float = 1.4
    offset: float = 1.0
    passes: int = 12
    swing: float = 0.35
    code_min: int = 0
    code_max: int = 255

    def __post_init__(self) -> None:
        require_share(shrink=self.shrink)
        require_positive(steps=self.steps, reach=self.reach, offset=self.offset, passes=self.passes, swing=self.swing)
        for name in ("reach", "offset"):
            if not getattr(self, name) <= LARGEST:
                raise UsageError(
                    f"rule setting '{name}' must not be above {LARGEST}", evidence=f"{getattr(self, name)}"
                )
        require_code_range(self.code_min, self.code_max)


def _q16(value: float) -> int:
    return max(1, round(value * ONE_Q16))


class DiscriminantRule:
    """State: the moments, the number of updates, and the codes last written."""

    name = "discriminant"
    dither: Dither | None = None
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: DiscriminantSettings) -> None:
        self._settings = settings
        self._board = board = SwitchBoard.of(image)
        if image.n_steps != 1 or len(image.layers) < 2 or not len(board.neuron):
            raise UsageError(
                "rule 'discriminant' needs switches above a hidden layer, and one time step",
                evidence=f"{len(image.layers)} layers, {len(board.neuron)} switches, {image.n_steps} time steps",
                next_step="take an image with switches, or another `--rule`",
            )
        self._turned = turned_codes(board, log_gain_table_q24(image), settings.swing)
        self._rank = _rank_within(board)
        self._moments = HiddenMoments(*board.shape)
        self._updates = np.zeros(1, np.int64)
        self._codes = np.clip(codes, settings.code_min, settings.code_max)

    def update(self, observation: Observation) -> ByteArray:
        """One batch; see ``Rule.update``."""
        self._moments.add(layer_events(observation)[-1], observation.labels)
        self._updates += 1
        if self._updates[0] >= self._settings.steps:
            turned = np.where(self._active(), self._turned[1], self._turned[0])
            self._codes[self._board.code] = np.clip(turned, self._settings.code_min, self._settings.code_max)
        return self._codes.copy()

    def _active(self) -> NDArray[np.bool_]:
        """States (K,) of the switches that add up to the weights."""
        board, settings = self._board, self._settings
        limits = [np.bincount(board.cell[board.sign == sign], minlength=np.prod(board.shape)) for sign in (-1, 1)]
        low, high = (each.reshape(board.shape).astype(np.int64) for each in limits)
        scatter = self._moments.scatter(_q16(settings.shrink))
        weights = whole_weights(
            scatter,
            -low,
            high,
            reach_q16=_q16(settings.reach),
            offset_q16=_q16(settings.offset),
            passes=settings.passes,
        )
        weights = np.where(scatter.seen[:, None], weights, -low)
        return self._rank < board.sign * weights.reshape(-1)[board.cell]

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {**self._moments.state(), "updates": self._updates.copy(), "codes": self._codes.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        updates, codes = taken(state, "updates", self._updates), taken(state, "codes", self._codes)
        self._moments.restore(state)
        self._updates, self._codes = updates, codes


def _rank_within(board: SwitchBoard) -> Int64Array:
    """How many switches of the same class, input and sign come before each, (K,)."""
    group = 2 * board.cell + (board.sign > 0)
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], group[order])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - first
    return rank


register(
    RuleEntry(
        name="discriminant",
        summary="codes of switch neurons as whole weights of a linear discriminant; integers only (host loop)",
        settings_type=DiscriminantSettings,
        build=DiscriminantRule,
    )
)
