"""Rule `perturb`: simultaneous perturbation of all codes, for a chip that shows nothing but its output spikes.

No weight of the image, no hidden spike and no membrane is used; the same batch is shown twice, with the codes moved
to and fro along one random vector of signs s (Spall 1992, doi 10.1109/9.119632; of nodes instead of weights: Flower and
Jabri 1993, NIPS 5), in whole numbers:

    L(c)  = sum over the batch and the classes k of (share_k - target_k)^2, Q30
            share_k: spikes of class k's neurons per neuron and step, 0..1, Q15; target_k: 1 for the label, else 0
    G     = (L(codes + d s) - L(codes - d s)) / 2 B * s, Q21 within +-2^26
    codes: the normalised descent along G (`normalised_descent`), Q24, with a rate that falls by equal factors

All that is known of a code is drowned in what the others do at the same time, so it takes two presentations per step,
many steps and batches of many samples where a rule with an error per neuron gets along with few (docs/learning.md has
figures). The squared error asks every output neuron to be right, as strict accuracy does. The signs are those of
NumPy's PCG64 generator for the seed and the update.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.readout import class_scores
from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_code_rate, require_seed
from nt_host.rules.code_position import FRACTION, codes_at, position_q24, positions_q24
from nt_host.rules.descent_settings import SteadySettings
from nt_host.rules.exact import ONE_Q15, Int64Array, divided, saturated
from nt_host.rules.integer_estimate import GRADIENT_BITS
from nt_host.rules.normalised_descent import NormalisedDescent, whole_rate_q24
from nt_model.errors import UsageError
from nt_model.image import Image

Q30_TWICE_TO_Q21 = 10


@dataclass(frozen=True)
class PerturbSettings(SteadySettings):
    """Settings of rule `perturb`.

    Attributes:
        rate_code: first RMS move of the codes per update.
        reach_code: d, codes by which every code is moved to and fro, 1..127.
        seed: of the random signs.
    """

    rate_code: float = 2.0
    reach_code: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_code_rate(self.rate_code)
        if not 1 <= self.reach_code <= 127:
            raise UsageError("rule setting 'reach_code' lies outside 1..127", evidence=f"{self.reach_code!r}")
        require_seed(self.seed)


def class_loss_q30(image: Image, counts: ByteArray, labels: NDArray[np.int64]) -> int:
    """L of output spike counts (B, N) uint8 with ``labels`` (B,), Q30."""
    # A class may lack neurons; its share is 0.
    size = np.maximum(np.bincount(image.readout_class, minlength=image.n_classes), 1)
    share = divided(class_scores(image.readout_class, counts) << 15, size * image.n_steps)
    error = share - np.where(labels[:, None] == np.arange(image.n_classes), ONE_Q15, 0)
    return int((error * error).sum())


class PerturbRule(NormalisedDescent):
    """State: that of the normalised descent, whose positions are codes less 128; the random signs are drawn from its
    update count."""

    name = "perturb"
    dither: Dither | None = None
    hidden_spikes = False

    def __init__(self, image: Image, codes: ByteArray, settings: PerturbSettings) -> None:
        self._image = image
        self._seed = settings.seed
        self._reach = settings.reach_code << FRACTION
        self._low, self._high = position_q24(settings.code_min), position_q24(settings.code_max)
        super().__init__(positions_q24(codes), whole_rate_q24(settings.rate_code), settings)

    def probes(self) -> tuple[ByteArray, ...]:
        """Codes at which the next batch is presented, each (n_codes,) uint8: moved by +d s and by -d s."""
        offset = self._reach * self._signs()
        moved = (self.position_q24 + sign * offset for sign in (1, -1))
        return tuple(codes_at(np.clip(positions, self._low, self._high)) for positions in moved)

    def update(self, observation: Observation) -> ByteArray:
        """One step against the slope that the two probes show; see ``Rule.update``. UsageError without probes."""
        if len(observation.probed) != 2:
            raise UsageError(
                "rule 'perturb' needs the output spikes at its two probes",
                evidence=f"{len(observation.probed)} probes",
                next_step="present the batch at the codes of `probes`",
            )
        up, down = (class_loss_q30(self._image, counts, observation.labels) for counts in observation.probed)
        batch = max(1, len(observation.labels))
        slope = divided((up - down) * self._signs(), batch << Q30_TWICE_TO_Q21)
        return codes_at(self.move(saturated(slope, GRADIENT_BITS), self._low, self._high))

    def _signs(self) -> Int64Array:
        rng = np.random.default_rng((self._seed, self.updates))
        return rng.choice(np.array([-1, 1], np.int64), self._image.n_codes)


register(
    RuleEntry(
        name="perturb",
        summary="all codes moved to and fro at random; output spikes alone, no ROM read (black box, host loop)",
        settings_type=PerturbSettings,
        build=PerturbRule,
    )
)
