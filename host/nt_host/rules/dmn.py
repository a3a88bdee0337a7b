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
from nt_host.rules.base import ByteArray, Observation, RuleEntry, register, require_positive
from nt_host.rules.descent_settings import PacedSettings
from nt_host.rules.integer_state import IntegerState
from nt_model import learn
from nt_model.engine import make_engine
from nt_model.errors import UsageError
from nt_model.gate_learner import GateLearner
from nt_model.image import Image

RATE_MAX_Q8 = 32767


@dataclass(frozen=True)
class DitherSettings(PacedSettings):
    """Settings of the device's learning step.

    Attributes:
        rate_code: first rate, codes per normalised error.
        hidden_dither_code: d, codes by which hidden layers are dithered.
        output_dither_code: m, codes of margin asked of the output layer.
        max_move_code: largest move of a code per update.
    """

    rate_code: float = 10.0
    hidden_dither_code: int = 48
    output_dither_code: int = 48
    max_move_code: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(rate_code=self.rate_code)
        if not 1 <= round(self.rate_code * learn.ONE_Q8) <= RATE_MAX_Q8:
            raise UsageError("rule setting 'rate_code' lies outside 1/256..127.99", evidence=f"{self.rate_code!r}")
        for name in ("hidden_dither_code", "output_dither_code", "max_move_code"):
            if not 1 <= getattr(self, name) <= 127:
                raise UsageError(f"rule setting '{name}' lies outside 1..127", evidence=f"{getattr(self, name)!r}")

    @property
    def dither(self) -> Dither:
        """Offsets of the read-out."""
        return Dither(self.hidden_dither_code, self.output_dither_code)


@dataclass(frozen=True)
class DmnSettings(DitherSettings):
    """Settings of rule `dmn`: those of the device's step, and ``engine``: who computes the integers, `c` or `numpy`
    (see ``nt_model.engine``)."""

    engine: str = "c"


def rate_q8(settings: DitherSettings, step: int) -> int:
    """Rate of update ``step`` (0 for the first), Q8.8, 1..32767: what the host sends with a step of the device loop."""
    last = settings.steps - 1
    progress = step / last if step < last else float(step > 0)
    share = float(settings.end_share) ** progress
    return max(1, round(settings.rate_code * learn.ONE_Q8 * share))


@lru_cache(maxsize=16)
def rates_q8(settings: DitherSettings) -> tuple[int, ...]:
    """Rates of all updates that the rate is planned for, and of any later one."""
    return tuple(rate_q8(settings, step) for step in range(settings.steps + 1))


def learn_settings(settings: DitherSettings, step: int) -> learn.LearnSettings:
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
        self.dither: Dither | None = settings.dither
        self._engine = make_engine(settings.engine, image)
        self._settings = settings
        self._learner: GateLearner | None = None
        self._rates = rates_q8(settings)
        super().__init__(codes)

    def update(self, observation: Observation) -> ByteArray:
        """One integer step on the batch; see ``Rule.update``. UsageError for a batch without dithered spikes."""
        spikes = self._dithered(observation, len(self._engine.image.layers))
        settings = learn_settings(self._settings, self.updates)
        learned = self._engine.learn(self._present(observation.codes), spikes, observation.labels, settings)
        return self._updated(learned)

    def update_from_gates(self, gates: bytes, labels: NDArray[np.int64], codes: ByteArray) -> ByteArray:
        """As `update`, from the gates of B samples (``Response.gates``) with `labels` (B,), presented at `codes`."""
        learner = self._learner
        if learner is None or learner.state.accumulator_q8 is not self._accumulator_q8:
            # The first step, or another kind of update or a restore came between.
            learner = self._learner = self._engine.gate_learner(self._present(codes), learn_settings(self._settings, 0))
        after = learner.step(codes, gates, labels, self._rates[min(self.updates, len(self._rates) - 1)])
        self._take(learner.state)
        self._count += 1
        return after


register(
    RuleEntry(
        name="dmn",
        summary="dither, margin, normalise: integers only, measured derivative (host loop and device loop)",
        settings_type=DmnSettings,
        build=DmnRule,
    )
)
