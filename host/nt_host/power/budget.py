"""A bound on the array's standing power, held after every write of codes.

The bound is on what the energy model calls standing power (`nt_model.energy.standing_power`): it is a function of the
codes alone, so it can be known before a write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, ChipInfo, ChipStatus, LearnBatch, Readout, Response, Shot, Traffic
from nt_host.power.silent import ActivityWatch
from nt_model.correction import Corrections
from nt_model.energy import standing_power
from nt_model.errors import SafetyError, UsageError
from nt_model.image import CODE_DEFAULT, Image
from nt_model.learn import LearnSettings

ByteArray = NDArray[np.uint8]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PowerBudget:
    """At most `limit_uw` of standing power for `image`, with codes from `code_min` up.

    Raises:
        UsageError: even the lowest codes draw more.
    """

    image: Image
    limit_uw: float
    code_min: int = 0

    def __post_init__(self) -> None:
        lowest_uw = self.power_uw(np.full(self.image.n_codes, self.code_min, np.uint8))
        if lowest_uw > self.limit_uw:
            default_uw = self.power_uw(np.full(self.image.n_codes, CODE_DEFAULT, np.uint8))
            raise UsageError(
                "the power budget is below what the array draws at its lowest codes",
                evidence=f"budget {self.limit_uw:,.1f} uW; codes {self.code_min}: {lowest_uw:,.1f} uW, "
                f"codes {CODE_DEFAULT}: {default_uw:,.1f} uW",
                next_step=f"give `--power-budget` of at least {np.ceil(lowest_uw):.0f}",
            )

    def power_uw(self, codes: ByteArray) -> float:
        """Standing power at `codes` (n_codes,) uint8, microwatt."""
        return standing_power(self.image, codes).total_uw

    def allows(self, codes: ByteArray) -> bool:
        """Whether `codes` stay within the bound."""
        return self.power_uw(codes) <= self.limit_uw

    def limited(self, codes: ByteArray, rank: FloatArray) -> ByteArray:
        """`codes` (n_codes,) uint8 where they are allowed; else with as many domains at the lowest code as the bound
        asks, those of the lowest `rank` (n_codes,) first, the silent ones before all others."""
        order = np.argsort(rank, kind="stable")
        low, high = 0, len(codes)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.allows(self._parked(codes, order[:middle])) else (middle + 1, high)
        return self._parked(codes, order[:low])

    def _parked(self, codes: ByteArray, domains: NDArray[np.int64]) -> ByteArray:
        parked = codes.copy()
        parked[domains] = self.code_min
        return parked


class ChipProxy:
    """A chip that passes every call on to another one; base of those that watch what goes by."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    @property
    def info(self) -> ChipInfo:
        return self._chip.info

    @property
    def traffic(self) -> Traffic:
        return self._chip.traffic

    def read_codes(self) -> tuple[ByteArray, int]:
        """See `Chip.read_codes`."""
        return self._chip.read_codes()

    def write_codes(self, codes: ByteArray) -> int:
        """See `Chip.write_codes`."""
        return self._chip.write_codes(codes)

    def load_samples(self, x: ByteArray) -> None:
        """See `Chip.load_samples`."""
        self._chip.load_samples(x)

    def present_loaded(self, slots: NDArray[np.int64], readout: Readout, n_steps: int | None = None) -> Response:
        """See `Chip.present_loaded`."""
        return self._chip.present_loaded(slots, readout, n_steps)

    def present(self, x: ByteArray, readout: Readout, n_steps: int | None = None) -> Response:
        """See `Chip.present`."""
        return self._chip.present(x, readout, n_steps)

    def write_and_present(self, codes: ByteArray, slots: NDArray[np.int64], readout: Readout) -> Response:
        """See `Chip.write_and_present`."""
        return self._chip.write_and_present(codes, slots, readout)

    def measure(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        """See `Chip.measure`."""
        return self._chip.measure(shots)

    def read_corrections(self) -> NDArray[np.uint32]:
        """See `Chip.read_corrections`."""
        return self._chip.read_corrections()

    def write_corrections(self, corrections: Corrections) -> int:
        """See `Chip.write_corrections`."""
        return self._chip.write_corrections(corrections)

    def learn_state(self) -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
        """See `Chip.learn_state`."""
        return self._chip.learn_state()

    def learn_start(self, settings: LearnSettings) -> None:
        """See `Chip.learn_start`."""
        self._chip.learn_start(settings)

    def learn_loaded(self, slots: NDArray[np.int64], labels: NDArray[np.int64], rate_q8: int) -> None:
        """See `Chip.learn_loaded`."""
        self._chip.learn_loaded(slots, labels, rate_q8)

    def learn_many(self, steps: Sequence[LearnBatch]) -> None:
        """See `Chip.learn_many`."""
        self._chip.learn_many(steps)

    def status(self) -> ChipStatus:
        """See `Chip.status`."""
        return self._chip.status()

    def commit(self) -> int:
        """See `Chip.commit`."""
        return self._chip.commit()

    def close(self) -> None:
        """See `Chip.close`."""
        self._chip.close()


class BudgetedChip(ChipProxy):
    """A chip whose codes never leave the budget: a write above it is refused, unless the chip stood higher still and
    the write lowers its power.

    Attributes:
        budget: the bound.
        watch: which neurons are quiet; it goes on through all rounds of a run.
    """

    def __init__(self, chip: Chip, budget: PowerBudget, watch: ActivityWatch) -> None:
        super().__init__(chip)
        self.budget = budget
        self.watch = watch
        self._present = chip.read_codes()[0]

    def limited(self, codes: ByteArray, counts: Sequence[ByteArray]) -> ByteArray:
        """`codes` (n_codes,) uint8 brought within the budget, after a batch with the spikes `counts`, one (B, N) uint8
        per layer that was read."""
        self.watch.see(counts)
        return self.budget.limited(codes, self.watch.rank)

    def write_codes(self, codes: ByteArray) -> int:
        """See `Chip.write_codes`; SafetyError for codes above the budget."""
        self._check(codes)
        revision = super().write_codes(codes)
        self._present = codes.copy()
        return revision

    def write_and_present(self, codes: ByteArray, slots: NDArray[np.int64], readout: Readout) -> Response:
        """See `Chip.write_and_present`; codes that fall beyond the slew limit do so first, see `falling`."""
        self._check(codes)
        for step in self.falling(self._present, codes):
            self.write_codes(step)
        response = super().write_and_present(codes, slots, readout)
        self._present = codes.copy()
        return response

    def falling(self, present: ByteArray, codes: ByteArray) -> Iterator[ByteArray]:
        """Codes to write one after the other before all that is left of the way from `present` to `codes` rises: where
        the slew limit asks for several writes, codes that rise faster than others fall could draw more on the way than
        at either end. Nothing where one write does."""
        limit = self.info.max_move_code
        now, goal = present.astype(np.int64), codes.astype(np.int64)
        if (np.abs(goal - now) <= limit).all():
            return
        low = np.minimum(now, goal)
        while (now != low).any():
            now = np.maximum(now - limit, low)
            yield now.astype(np.uint8)

    def _check(self, codes: ByteArray) -> None:
        power_uw = self.budget.power_uw(codes)
        if power_uw > self.budget.limit_uw and power_uw >= self.budget.power_uw(self._present):
            raise SafetyError(
                "the codes would exceed the power budget",
                evidence=f"{power_uw:,.1f} uW, budget {self.budget.limit_uw:,.1f} uW",
                next_step="give a larger `--power-budget`, or lower codes",
            )
