"""Rule `dmn`: dither, margin, normalise; the integer rule of the device loop, run on the host.

All arithmetic is ``nt_model.learn`` or, the same integers forty times faster, the C core: this class only keeps the
state and lowers the rate. On a chip without temporal noise the host loop and the device loop therefore write the same
codes.

The rate falls by equal factors from ``rate_code`` to ``end_share`` of it over ``steps`` updates. It is rounded to
Q8.8 here, once, and handed to the device with each step, so no exponential runs on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_host.rules.base import (
    ByteArray,
    Observation,
    RuleEntry,
    register,
    require_code_range,
    require_positive,
    require_share,
)
from nt_host.rules.integer_state import IntegerState
from nt_model import learn
from nt_model.engine import make_engine
from nt_model.errors import UsageError
from nt_model.gate_learner import GateLearner
from nt_model.image import Image

RATE_MAX_Q8 = 32767


@dataclass(frozen=True)
class DmnSettings:
    """Settings of rule `dmn`.

    Attributes:
        steps: updates that the falling rate is planned for; later updates run at the last rate.
        rate_code: first rate, codes per normalised error.
        end_share: last rate as a share of the first.
        hidden_dither_code: d, codes by which hidden layers are dithered.
        output_dither_code: m, codes of margin asked of the output layer.
        max_move_code: largest move of a code per update.
        code_min: lowest code that the rule writes.
        code_max: highest code that the rule writes.
        engine: who computes the integers, `c` or `numpy` (see ``nt_model.engine``).
    """

    steps: int = 300
    rate_code: float = 10.0
    end_share: float = 0.05
    hidden_dither_code: int = 48
    output_dither_code: int = 48
    max_move_code: int = 16
    code_min: int = 0
    code_max: int = 255
    engine: str = "c"

    def __post_init__(self) -> None:
        require_positive(steps=self.steps, rate_code=self.rate_code)
        require_share(end_share=self.end_share)
        if not 1 <= round(self.rate_code * learn.ONE_Q8) <= RATE_MAX_Q8:
            raise UsageError("rule setting 'rate_code' lies outside 1/256..127.99", evidence=f"{self.rate_code!r}")
        require_code_range(self.code_min, self.code_max)
        for name in ("hidden_dither_code", "output_dither_code", "max_move_code"):
            if not 1 <= getattr(self, name) <= 127:
                raise UsageError(f"rule setting '{name}' lies outside 1..127", evidence=f"{getattr(self, name)!r}")


def rate_q8(settings: DmnSettings, step: int) -> int:
    """Rate of update ``step`` (0 for the first), Q8.8, 1..32767: what the host sends with a step of the device loop."""
    last = settings.steps - 1
    progress = step / last if step < last else float(step > 0)
    share = float(settings.end_share) ** progress
    return max(1, round(settings.rate_code * learn.ONE_Q8 * share))


@lru_cache(maxsize=16)
def rates_q8(settings: DmnSettings) -> tuple[int, ...]:
    """Rates of all updates that the rate is planned for, and of any later one."""
    return tuple(rate_q8(settings, step) for step in range(settings.steps + 1))


def learn_settings(settings: DmnSettings, step: int) -> learn.LearnSettings:
    """The device's settings for update ``step``."""
    return learn.LearnSettings(
        hidden_dither_code=settings.hidden_dither_code,
        output_dither_code=settings.output_dither_code,
        rate_q8=rate_q8(settings, step),
        max_move_code=settings.max_move_code,
        code_min=settings.code_min,
        code_max=settings.code_max,
    )


class DmnRule(IntegerState):
    """State: the device's own (accumulator and running mean per code) and the update count."""

    name = "dmn"
    hidden_spikes = True

    def __init__(self, image: Image, codes: ByteArray, settings: DmnSettings) -> None:
        self.dither: Dither | None = Dither(settings.hidden_dither_code, settings.output_dither_code)
        self._engine = make_engine(settings.engine, image)
        self._settings = settings
        self._learner: GateLearner | None = None
        self._rates = rates_q8(settings)
        super().__init__(codes)

    def update(self, observation: Observation) -> ByteArray:
        """One integer step on the batch; see ``Rule.update``. UsageError for a batch without dithered spikes."""
        layers = len(self._engine.image.layers)
        if len(observation.plus) != layers or len(observation.minus) != layers:
            raise UsageError(
                "rule 'dmn' needs the dithered spikes of every layer",
                evidence=f"{len(observation.plus)} and {len(observation.minus)} of {layers} layers",
                next_step="read out with dither, or choose another `--rule`",
            )
        settings = learn_settings(self._settings, self.updates)
        spikes = learn.Spikes(observation.plain, observation.plus, observation.minus)
        present = learn.LearnState(observation.codes, self._learned.accumulator_q8, self._learned.mean_q8)
        self._learned = self._engine.learn(present, spikes, observation.labels, settings)
        self.updates += 1
        codes: ByteArray = self._learned.codes.copy()
        return codes

    def update_from_gates(self, gates: bytes, labels: NDArray[np.int64], codes: ByteArray) -> ByteArray:
        """As `update`, from the gates of B samples (``Response.gates``) with `labels` (B,), presented at `codes`."""
        learner = self._learner
        if learner is None or learner.state is not self._learned:
            learner = self._learner = self._engine.gate_learner(self._learned, learn_settings(self._settings, 0))
        after = learner.step(codes, gates, labels, self._rates[min(self.updates, len(self._rates) - 1)])
        self._learned = learner.state
        self.updates += 1
        return after


register(
    RuleEntry(
        name="dmn",
        summary="dither, margin, normalise: integers only, measured derivative (host loop and device loop)",
        settings_type=DmnSettings,
        build=DmnRule,
    )
)
