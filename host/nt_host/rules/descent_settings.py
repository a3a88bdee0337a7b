"""Settings that the rules which descend a gradient have in common, in float (`surrogate`) or in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

from nt_host.rules.base import require_code_range, require_decay, require_positive, require_share


@dataclass(frozen=True)
class DescentSettings:
    """What tells how far and how steadily the log gains move.

    Attributes:
        steps: updates over which the rate falls; later updates run at the smallest rate.
        rate: first step of a log gain (natural logarithm), per update.
        end_share: smallest rate as a share of the first.
        window: half width of the surrogate derivative of a one-step neuron, in thresholds.
        momentum: decay of the mean gradient.
        memory: decay of the mean squared gradient.
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
    """

    steps: int = 300
    rate: float = 0.03
    end_share: float = 0.05
    window: float = 0.67
    momentum: float = 0.9
    memory: float = 0.99
    code_min: int = 0
    code_max: int = 255

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, rate=self.rate, window=self.window)
        require_share(end_share=self.end_share)
        require_decay(momentum=self.momentum, memory=self.memory)
        require_code_range(self.code_min, self.code_max)
