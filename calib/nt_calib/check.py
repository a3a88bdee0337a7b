"""Does an old calibration still hold? Reads a sample of stimuli again and decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_calib.bench import Bench, ChipBench, codes_put
from nt_calib.calibration_file import require_owner
from nt_calib.excess import excess_sigmas
from nt_calib.judge import trimmed_sigma
from nt_calib.law import log_nominal_gain
from nt_calib.measure import LayerBench
from nt_calib.result import Calibration
from nt_calib.verify import gain_error, in_reach, read_back
from nt_hil.chip import Chip
from nt_model.errors import TargetNotMetError
from nt_model.image import CODE_DEFAULT, Image

FloatArray = NDArray[np.float64]
CHECK_SEED = 104_729
"""Other stimuli than those that the calibration was read back with."""
PATTERNS = 3
"""Times as many stimuli per layer as the option `check_patterns` says, as at the end of a calibration."""
OnProgress = Callable[[int, int], None]
"""Called with the number of shots done and that of all."""


@dataclass(frozen=True)
class Tolerance:
    """What still counts as holding, in DAC codes at code 128.

    Attributes:
        neuron_code: a neuron has moved when no gain that is off by less explains its reads.
        median_code: the chip has shifted (temperature, supply) when the median over all neurons is off by more.
        spread_code: the trimmed standard deviation over all neurons must stay below.
        sigmas: standard deviations that are given to chance.
    """

    neuron_code: float = 2.0
    median_code: float = 0.5
    spread_code: float = 1.0
    sigmas: float = 4.0


@dataclass(frozen=True, eq=False)
class LayerCheck:
    """Of the N neurons of one layer: `error` (N,) float64, ln of gain over nominal gain, nan where nothing was read;
    `sd` (N,) its standard deviation; `judged` (N,) bool, calibrated then and read well now; `moved` (N,) bool, off
    beyond tolerance and chance."""

    error: FloatArray
    sd: FloatArray
    judged: NDArray[np.bool_]
    moved: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CheckResult:
    """Whether a calibration still holds.

    Attributes:
        layers: what was read.
        median_code, spread_code: of the gain error over the neurons judged, in DAC codes at code 128.
        tolerance: what was allowed.
        temperature_change_mk: die temperature now less that at the end of the calibration.
        shots: stimuli spent.
    """

    layers: tuple[LayerCheck, ...]
    median_code: float
    spread_code: float
    tolerance: Tolerance
    temperature_change_mk: int
    shots: int

    @property
    def measured(self) -> int:
        """Neurons that were judged."""
        return int(sum(layer.judged.sum() for layer in self.layers))

    @property
    def moved(self) -> int:
        """How many of them have moved."""
        return int(sum(layer.moved.sum() for layer in self.layers))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not hold, in words; empty where it does."""
        limit, found = self.tolerance, []
        if self.measured == 0:
            found.append("no calibrated neuron could be read")
        if self.moved:
            found.append(f"{self.moved} of {self.measured} neurons are off by more than {limit.neuron_code:g} codes")
        if abs(self.median_code) > limit.median_code:
            found.append(f"the whole chip has shifted by {self.median_code:+.2f} codes")
        if self.spread_code > limit.spread_code:
            found.append(f"the gains spread by {self.spread_code:.2f} codes")
        return tuple(found)

    @property
    def holds(self) -> bool:
        return not self.reasons

    def require(self) -> None:
        """TargetNotMetError where the calibration does not hold any more."""
        if not self.holds:
            raise TargetNotMetError(
                "the calibration does not hold any more",
                evidence="; ".join(self.reasons),
                next_step="let the chip reach its working temperature and supply, then measure it again with "
                "`nt-host calibrate`",
            )

    def table(self) -> dict[str, Any]:
        """Plain values for JSON; neurons that moved by layer and index."""
        return {
            "holds": self.holds,
            "reasons": list(self.reasons),
            "measured": self.measured,
            "moved": [
                {"layer": index, "neuron": int(neuron), "error_ln_gain": float(layer.error[neuron])}
                for index, layer in enumerate(self.layers)
                for neuron in np.flatnonzero(layer.moved)
            ],
            "median_code": self.median_code,
            "spread_code": self.spread_code,
            "temperature_change_mk": self.temperature_change_mk,
            "stimuli": self.shots,
        }


def differing_corrections(chip: Chip, calibration: Calibration) -> int:
    """Domains whose correction on the chip is not that of `calibration`."""
    return int((chip.read_corrections() != calibration.corrections.pack()).sum())


def require_in_force(chip: Chip, calibration: Calibration) -> None:
    """Refuse a chip that does not hold the corrections of `calibration`.

    Raises:
        TargetNotMetError: it holds others, or none.
    """
    packed = chip.read_corrections()
    differ = differing_corrections(chip, calibration)
    if differ:
        lost = "; the chip holds none at all, as after a power-up without a commit" if not packed.any() else ""
        raise TargetNotMetError(
            "the corrections on the chip are not those of its calibration",
            evidence=f"{differ} of {len(packed)} domains differ{lost}",
            next_step="write them to the chip with `nt-host calibrate --apply`, and keep them there with `--commit`",
        )


def code_per_log_gain(gain_q12: NDArray[np.uint16]) -> float:
    """DAC codes at code 128 that change the gain by a factor e."""
    edges = log_nominal_gain(gain_q12, np.array([CODE_DEFAULT - 0.5, CODE_DEFAULT + 0.5]))
    return 1.0 / float(edges[1] - edges[0])


class _Run:
    def __init__(
        self,
        bench: Bench,
        code_range: tuple[int, int],
        image: Image,
        calibration: Calibration,
        tolerance: Tolerance,
        on_progress: OnProgress,
    ) -> None:
        self.code_range = code_range
        self.bench, self.image, self.calibration, self.tolerance = bench, image, calibration, tolerance
        self.limit = tolerance.neuron_code / code_per_log_gain(image.gain)
        self.patterns = PATTERNS * calibration.options.check_patterns
        self.done = 0
        self._on_progress = on_progress

    def _count(self, shots: int) -> None:
        self.done += shots
        self._on_progress(self.done, self.patterns * len(self.image.layers))

    def layer(self, index: int) -> LayerCheck:
        then, image = self.calibration.layers[index], self.image
        layer = LayerBench(image, index, self.bench, self.calibration.options, self._count, self.code_range)
        reads = read_back(layer, then.noise, self.patterns, CHECK_SEED)
        usable = in_reach(reads, image.layers[index], self.calibration.corrections, self.code_range)
        error, sd = gain_error(reads, usable, image.gain, layer.falling, then.noise)
        sigmas = excess_sigmas(reads, usable, image.gain, layer.falling, then.noise, self.limit)
        was_within = np.abs(then.after) - self.tolerance.sigmas * then.after_sd <= self.limit
        known = then.success & was_within & np.isfinite(error)
        moved = known & (sigmas > self.tolerance.sigmas)
        return LayerCheck(error, sd, known & (moved | (sd < self.limit)), moved)


def check(
    chip: Chip,
    image: Image,
    calibration: Calibration,
    tolerance: Tolerance = Tolerance(),
    on_progress: OnProgress = lambda done, of: None,
    *,
    bench: Bench | None = None,
) -> CheckResult:
    """Read `chip` again and decide; its codes are afterwards what they were.

    Neurons that failed in the calibration, or that were off beyond `tolerance` at its end, are read but not judged.

    Raises:
        UsageError: the calibration is of another chip or image.
        TargetNotMetError: its corrections are not in force.
    """
    require_owner(calibration, chip.info.uid, chip.info.image_digest)
    require_in_force(chip, calibration)
    codes = chip.read_codes()[0]
    code_range = (chip.info.code_min, chip.info.code_max)
    run = _Run(ChipBench(chip) if bench is None else bench, code_range, image, calibration, tolerance, on_progress)
    try:
        layers = tuple(run.layer(index) for index in range(len(image.layers)))
    finally:
        codes_put(chip, codes)
    errors = np.concatenate([each.error[each.judged] for each in layers])
    scale = code_per_log_gain(image.gain)
    return CheckResult(
        layers,
        float(np.median(errors)) * scale if len(errors) else float("nan"),
        trimmed_sigma(errors) * scale,
        tolerance,
        chip.status().temperature_mk - calibration.conditions.temperature_end_mk,
        run.done,
    )
