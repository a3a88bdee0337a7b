"""Settings of one adaptation run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nt_model.errors import UsageError

LOOPS = ("host", "device")
DEVICE_RULE = "dmn"


@dataclass(frozen=True)
class AdaptSettings:
    """How a chip is adapted.

    Attributes:
        rule: name of the learning rule (`nt_host.rules`).
        rule_options: settings of the rule by name, over its defaults.
        steps: learning steps of a round, at least 1 (`loop.py` tells what a round is).
        batch_size: samples per learning step, at least 1; every class gets the same share.
        held_out: share of the labels kept for the early stop, 0 <= share < 1; 0 keeps the last codes.
        refit: once the held-out labels have shown that learning pays, learn again from the start with all labels.
        judge_every: steps between two judgements on the held-out samples, at least 1.
        patience: judgements without a better one before the trial stops; 0 never stops early.
        loop: "host", or "device" for the loop of the firmware (rule `dmn` only).
        seed: of draws and batch order, >= 0.
        power_budget_uw: bound on the array's standing power after every write, microwatt; 0 sets none.
        park_silent: in the end, domains whose neurons never spiked on the labelled samples go to the lowest code.

    Raises:
        UsageError: a setting lies outside its range.
    """

    rule: str = DEVICE_RULE
    rule_options: Mapping[str, float] = field(default_factory=dict)
    steps: int = 300
    batch_size: int = 16
    held_out: float = 0.25
    refit: bool = True
    judge_every: int = 20
    patience: int = 0
    loop: str = "host"
    seed: int = 0
    power_budget_uw: float = 0.0
    park_silent: bool = False

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch_size", 1), ("judge_every", 1), ("patience", 0), ("seed", 0)):
            if getattr(self, name) < low:
                raise UsageError(
                    f"{name} is below {low}", evidence=str(getattr(self, name)), next_step="see `nt-host adapt --help`"
                )
        if not 0 <= self.held_out < 1:
            raise UsageError(
                "the held-out share lies outside 0..1", evidence=str(self.held_out), next_step="give `--held-out 0.25`"
            )
        if self.loop not in LOOPS:
            raise UsageError(
                f"there is no loop '{self.loop}'", evidence=f"loops: {', '.join(LOOPS)}", next_step="give `--loop host`"
            )
        if not (math.isfinite(self.power_budget_uw) and self.power_budget_uw >= 0):
            raise UsageError(
                "the power budget is no power",
                evidence=f"{self.power_budget_uw} uW",
                next_step="give for example `--power-budget 1900`",
            )
        if self.loop == "device" and self.power_budget_uw:
            raise UsageError(
                "the device loop moves codes on its own, past any power budget of the host",
                evidence=f"budget {self.power_budget_uw} uW, loop 'device'",
                next_step="give `--loop host`",
            )
        if self.loop == "device" and self.rule != DEVICE_RULE:
            raise UsageError(
                f"the device loop runs rule '{DEVICE_RULE}' only",
                evidence=f"rule '{self.rule}'",
                next_step=f"give `--rule {DEVICE_RULE}` or `--loop host`",
            )

    def table(self) -> dict[str, Any]:
        """The settings as a plain table, for a configuration file."""
        return {**asdict(self), "rule_options": dict(self.rule_options)}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> AdaptSettings:
        """Inverse of `table`; UsageError where a key is unknown."""
        unknown = set(table) - set(cls.__dataclass_fields__)
        if unknown:
            raise UsageError(
                "a run configuration holds an unknown setting",
                evidence=", ".join(sorted(unknown)),
                next_step="remove it, or use the version of nt-host that wrote it",
            )
        return cls(**table)
