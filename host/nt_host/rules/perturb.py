"""Rule `perturb`: simultaneous perturbation of all codes, for a chip that shows nothing but its output spikes.

No weight of the image, no hidden spike and no membrane is used; the same batch is shown twice, with the codes moved
to and fro along one random vector of signs s (Spall 1992, doi 10.1109/9.119632; of nodes instead of weights: Flower and
Jabri 1993, NIPS 5):

    L(c)  = mean over the batch of the sum over classes k of (share_k - target_k)^2
            share_k: spikes of class k's neurons per neuron and step, 0..1; target_k: 1 for the label, else 0
    g     = (L(codes + d s) - L(codes - d s)) / 2 * s
    mean  = momentum * mean + (1 - momentum) * g
    codes -= rate * mean / root of the running mean square of g

All that is known of a code is drowned in what the others do at the same time, so it takes two presentations per step,
many steps and batches of many samples where a rule with an error per neuron gets along with few (docs/learning.md has
figures). The squared error asks every output neuron to be right, as strict accuracy does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.readout import class_scores
from nt_host.rules.base import (
    ByteArray,
    Observation,
    RuleEntry,
    RuleState,
    register,
    require_code_range,
    require_decay,
    require_positive,
    require_share,
    taken,
)
from nt_model.errors import UsageError
from nt_model.image import Image

TINY = 1e-12


@dataclass(frozen=True)
class PerturbSettings:
    """Settings of rule `perturb`.

    Attributes:
        steps: updates over which the rate falls by equal factors; later updates run at the last rate.
        rate_code: first RMS move of the codes per update.
        end_share: last rate as a share of the first.
        reach_code: d, codes by which every code is moved to and fro, 1..127.
        momentum: decay of the mean gradient.
        memory: decay of the mean squared gradient.
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
        seed: of the random signs.
    """

    steps: int = 300
    rate_code: float = 2.0
    end_share: float = 0.05
    reach_code: int = 32
    momentum: float = 0.9
    memory: float = 0.99
    code_min: int = 0
    code_max: int = 255
    seed: int = 0

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, rate_code=self.rate_code)
        require_share(end_share=self.end_share)
        require_decay(momentum=self.momentum, memory=self.memory)
        if not 1 <= self.reach_code <= 127:
            raise UsageError("rule setting 'reach_code' lies outside 1..127", evidence=f"{self.reach_code!r}")
        require_code_range(self.code_min, self.code_max)
        if self.seed < 0:
            raise UsageError("rule setting 'seed' is below 0", evidence=f"{self.seed!r}")


def class_loss(image: Image, counts: ByteArray, labels: NDArray[np.int64]) -> float:
    """L of output spike counts (B, N) uint8 with ``labels`` (B,), 0 or above."""
    size = np.bincount(image.readout_class, minlength=image.n_classes)
    share = class_scores(image.readout_class, counts) / (size * image.n_steps)
    target = labels[:, None] == np.arange(image.n_classes)
    return float(np.mean(np.square(share - target).sum(axis=1)))


class PerturbRule:
    """State: the codes before rounding, the mean gradient per code, the mean squared gradient of all (it is the same
    for each), and the update count, which the random signs are drawn from."""

    name = "perturb"
    dither: Dither | None = None
    hidden_spikes = False

    def __init__(self, image: Image, codes: ByteArray, settings: PerturbSettings) -> None:
        self._image = image
        self._settings = settings
        self._position = codes.astype(np.float64)
        self._mean = np.zeros(image.n_codes, np.float64)
        self._square = np.zeros(1, np.float64)
        self._count = np.zeros(1, np.int64)

    def probes(self) -> tuple[ByteArray, ...]:
        """Codes at which the next batch is presented, each (n_codes,) uint8: moved by +d s and by -d s."""
        settings = self._settings
        moved = (self._position + sign * settings.reach_code * self._signs() for sign in (1, -1))
        return tuple(np.rint(np.clip(codes, settings.code_min, settings.code_max)).astype(np.uint8) for codes in moved)

    def update(self, observation: Observation) -> ByteArray:
        """One step against the slope that the two probes show; see ``Rule.update``. UsageError without probes."""
        if len(observation.probed) != 2:
            raise UsageError(
                "rule 'perturb' needs the output spikes at its two probes",
                evidence=f"{len(observation.probed)} probes",
                next_step="present the batch at the codes of `probes`",
            )
        settings = self._settings
        up, down = (class_loss(self._image, counts, observation.labels) for counts in observation.probed)
        slope = (up - down) / 2
        mean = settings.momentum * self._mean + (1 - settings.momentum) * slope * self._signs()
        square = settings.memory * self._square + (1 - settings.memory) * slope**2
        self._mean, self._square = mean, square
        rate = self._rate()
        self._count += 1
        count = int(self._count[0])
        corrected = math.sqrt(float(square[0]) / (1 - settings.memory**count))
        step = rate * mean / (1 - settings.momentum**count) / max(corrected, TINY)
        self._position = np.clip(self._position - step, settings.code_min, settings.code_max)
        return np.rint(self._position).astype(np.uint8)

    def _signs(self) -> NDArray[np.float64]:
        rng = np.random.default_rng((self._settings.seed, int(self._count[0])))
        return rng.choice(np.array([-1.0, 1.0]), self._image.n_codes)

    def _rate(self) -> float:
        progress = min(int(self._count[0]) / max(1, self._settings.steps - 1), 1.0)
        return float(self._settings.rate_code * self._settings.end_share**progress)

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {
            "position": self._position.copy(),
            "mean": self._mean.copy(),
            "square": self._square.copy(),
            "count": self._count.copy(),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``."""
        position = taken(state, "position", self._position)
        mean = taken(state, "mean", self._mean)
        square = taken(state, "square", self._square)
        self._count = taken(state, "count", self._count)
        self._position, self._mean, self._square = position, mean, square


register(
    RuleEntry(
        name="perturb",
        summary="all codes moved to and fro at random; output spikes alone, no ROM read (black box, host loop)",
        settings_type=PerturbSettings,
        build=PerturbRule,
    )
)
