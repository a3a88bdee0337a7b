"""Settings that rules have in common: how fast the rate falls, within which codes, and how steadily gradients are met.

A rate is a first rate times a share of it, Q15, that falls with the updates t = 1, 2, ...:

    equal factors    share = end_share^u, u = (t - 1) / (steps - 1) at most 1, to 1/256 of an octave
    cubic            share = max(end_share, 1 - 3 u^2 + 2 u^3), u = t / steps at most 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nt_host.rules.base import require_code_range, require_decay, require_positive, require_share
from nt_host.rules.exact import ONE_Q15, falling_power_q16, log2_q24

END_BITS = 30


@dataclass(frozen=True)
class PacedSettings:
    """What every rule has: a rate that falls by equal factors, and limits.

    Attributes:
        steps: updates over which the rate falls; later updates run at the last rate.
        end_share: last rate as a share of the first.
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
    """

    steps: int = 300
    end_share: float = 0.05
    code_min: int = 0
    code_max: int = 255

    def __post_init__(self) -> None:
        require_positive(steps=self.steps)
        require_share(end_share=self.end_share)
        require_code_range(self.code_min, self.code_max)

    def share_q15(self, count: int) -> int:
        """Share of the first rate at update ``count`` >= 1, Q15, 1 or more."""
        end = max(1, round(self.end_share * (1 << END_BITS)))
        octaves_q24 = (END_BITS << 24) - int(log2_q24(np.array([end]))[0])
        last = max(1, self.steps - 1)
        fallen_q8 = octaves_q24 * min(count - 1, last) // (last << 16)
        return max(1, int(falling_power_q16(np.array([fallen_q8]))[0]) >> 1)


@dataclass(frozen=True)
class SteadySettings(PacedSettings):
    """Settings of the normalised descent.

    Attributes:
        momentum: decay of the mean gradient.
        memory: decay of the mean squared gradient.
    """

    momentum: float = 0.9
    memory: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        require_decay(momentum=self.momentum, memory=self.memory)


@dataclass(frozen=True)
class DescentSettings(SteadySettings):
    """What tells how far and how steadily log gains move; their rate falls along a cubic.

    Attributes:
        rate: first step of a log gain (natural logarithm), per update.
        window: half width of the surrogate derivative of a one-step neuron, in thresholds.
    """

    rate: float = 0.03
    window: float = 0.67

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(rate=self.rate, window=self.window)

    def share_q15(self, count: int) -> int:
        """See ``PacedSettings.share_q15``."""
        done = min(count, self.steps)
        fallen = self.steps**3 - 3 * done**2 * self.steps + 2 * done**3
        return max(round(self.end_share * ONE_Q15), (fallen << 15) // self.steps**3)
