"""The whole calibration of a chip: measure every layer, fit, correct, write the corrections, read back, judge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from nt_calib.bench import Bench, ChipBench, CountedBench, codes_put
from nt_calib.correct import GRID, fit_corrections
from nt_calib.fit import Fit
from nt_calib.law import log_nominal_gain
from nt_calib.measure import LayerBench, measure_layer
from nt_calib.options import Options
from nt_calib.patterns import Pattern, strong_patterns
from nt_calib.reads import Reads
from nt_calib.result import Calibration, Conditions, Cost, LayerFindings
from nt_calib.verdict import Verdict, judge_neurons
from nt_calib.verify import gain_error, in_reach, read_back
from nt_hil.chip import Capability, Chip
from nt_model.correction import Corrections
from nt_model.errors import DeviceError, UsageError
from nt_model.image import CODE_DEFAULT, Image

FloatArray = NDArray[np.float64]
STRONG_REPEATS = 8
VERIFY_SEED = 7919


@dataclass(frozen=True)
class Progress:
    """`shots` of about `of` done; `stage` as a person reads it."""

    stage: str
    shots: int
    of: int


OnProgress = Callable[[Progress], None]


def check_chip(chip: Chip, image: Image, image_digest: str) -> None:
    """Whether `chip` can be calibrated with `image`.

    Raises:
        DeviceError: the chip has another image, or lacks stimuli or corrections.
        UsageError: the image has neurons whose excitatory and inhibitory parts have domains of their own.
    """
    if chip.info.image_digest != image_digest:
        raise DeviceError(
            "the chip holds another image",
            evidence=f"chip {chip.info.image_digest[:16]}, file {image_digest[:16]}",
            next_step="name the image that is in the chip's ROM, see `nt-host info`",
        )
    for needed in (Capability.STIMULATE, Capability.CORRECTIONS):
        if not chip.info.capabilities & needed:
            raise DeviceError(
                "the chip cannot be calibrated",
                evidence=f"it lacks {needed.name}",
                next_step="update its firmware",
            )
    if any((layer.domain[:, 0] != layer.domain[:, 1]).any() for layer in image.layers):
        raise UsageError(
            "images with split domains cannot be calibrated yet",
            evidence="a neuron has one domain for excitation and another for inhibition",
            next_step="build the image with one domain per neuron",
        )


def _strong_reads(layer: LayerBench) -> Reads:
    """Reads far above the thresholds at code 255 and far below at code 0."""
    chosen = layer.image.layers[layer.index]
    patterns = [
        Pattern(stimulus, drive, np.full(chosen.n_neurons, np.nan))
        for stimulus, drive in strong_patterns(chosen, layer.index, layer.options.seed)
    ]
    high, low = np.full(chosen.n_neurons, 255.0), np.zeros(chosen.n_neurons)
    reads = layer.shoot(patterns, [high] * len(patterns), STRONG_REPEATS)
    return reads.with_more(layer.shoot(patterns, [low] * len(patterns), STRONG_REPEATS))


def _findings(fit: Fit, verdict: NDArray[np.int8], gain_q12: NDArray[np.uint16]) -> LayerFindings:
    neurons = len(verdict)
    at_default = np.full((neurons, 1), float(CODE_DEFAULT))
    nominal = log_nominal_gain(gain_q12, np.array([CODE_DEFAULT - 0.5, float(CODE_DEFAULT), CODE_DEFAULT + 0.5]))
    nothing = np.full(neurons, np.nan)
    return LayerFindings(
        fit.law.parameters,
        np.sqrt(np.maximum(np.einsum("nii->ni", fit.covariance), 0.0)),
        fit.noise,
        fit.deviance,
        verdict,
        fit.log_gain_sd(float(CODE_DEFAULT)) / float(nominal[2] - nominal[0]),
        fit.law.log_gain(at_default)[:, 0] - nominal[1],
        nothing,
        nothing,
    )


def corrections_of(image: Image, fits: list[Fit], verdicts: list[NDArray[np.int8]]) -> Corrections:
    """Corrections of all domains; where neurons share a domain, those that can be corrected are averaged."""
    total = np.zeros((image.n_codes, len(GRID)))
    counted = np.zeros(image.n_codes, np.int64)
    for layer, fit, verdict in zip(image.layers, fits, verdicts, strict=True):
        log_gain = fit.law.log_gain(GRID[None, :].repeat(layer.n_neurons, axis=0))
        usable = np.isin(verdict, (Verdict.GOOD, Verdict.TOO_WEAK, Verdict.TOO_STRONG))
        domain = layer.domain[usable, 0]
        np.add.at(total, domain, log_gain[usable])
        np.add.at(counted, domain, 1)
    known = counted > 0
    nominal = log_nominal_gain(image.gain, GRID)
    mean = np.where(known[:, None], total / np.maximum(counted, 1)[:, None], nominal)
    return fit_corrections(mean, known, image.gain)


def shots_expected(image: Image, options: Options) -> int:
    """Shots of a whole calibration, reading back included."""
    per_layer = 16 + options.search_patterns * options.search_rounds + options.refine_patterns
    return len(image.layers) * (per_layer + 3 * options.check_patterns)


class _Run:
    def __init__(
        self, chip: Chip, image: Image, options: Options, on_progress: OnProgress, bench: Bench | None
    ) -> None:
        self.chip, self.image, self.options = chip, image, options
        self.bench = CountedBench(bench or ChipBench(chip))
        self.code_range = (chip.info.code_min, chip.info.code_max)
        self._on_progress = on_progress
        self._done, self._of = 0, shots_expected(image, options)
        self._stage = ""

    def _count(self, shots: int) -> None:
        self._done += shots
        self._on_progress(Progress(self._stage, self._done, self._of))

    def layer(self, index: int, stage: str) -> LayerBench:
        self._stage = f"{stage} layer {index + 1} of {len(self.image.layers)}"
        return LayerBench(self.image, index, self.bench, self.options, self._count, self.code_range)

    def measured(self) -> tuple[list[Fit], list[NDArray[np.int8]]]:
        fits, verdicts = [], []
        for index in range(len(self.image.layers)):
            layer = self.layer(index, "measuring")
            strong = _strong_reads(layer)
            reads, fit = measure_layer(layer)
            fits.append(fit)
            verdicts.append(judge_neurons(reads.with_more(strong), fit, self.image.gain, layer.falling))
        return fits, verdicts

    def read_back(self, findings: LayerFindings, index: int, corrections: Corrections) -> LayerFindings:
        layer = self.layer(index, "reading back")
        reads = read_back(layer, findings.noise, 3 * self.options.check_patterns, VERIFY_SEED)
        usable = in_reach(reads, self.image.layers[index], corrections, self.code_range)
        after, sd = gain_error(reads, usable, self.image.gain, layer.falling, findings.noise)
        return replace(findings, after=after, after_sd=sd)


def calibrate(
    chip: Chip,
    image: Image,
    image_digest: str,
    options: Options = Options(),
    on_progress: OnProgress = lambda _: None,
    *,
    bench: Bench | None = None,
    supply_mv: float | None = None,
) -> Calibration:
    """Measure `chip`, write corrections to it and read them back. They are in force, not committed.

    The codes of the chip are afterwards what they were before, in calibrated units. When it fails under way, codes
    and corrections are put back.

    Args:
        bench: what shoots instead of the chip itself, for example a journal that can resume.
        supply_mv: supply of the chip, for the record.

    Raises:
        DeviceError, UsageError: see `check_chip`; and whatever the chip's calls raise.
    """
    check_chip(chip, image, image_digest)
    codes_before = chip.read_codes()[0]
    corrections_before = Corrections.unpack(chip.read_corrections())
    started, traffic, status = time.monotonic(), chip.traffic, chip.status()
    run = _Run(chip, image, options, on_progress, bench)
    try:
        chip.write_corrections(Corrections.none(image.n_codes))
        fits, verdicts = run.measured()
        corrections = corrections_of(image, fits, verdicts)
        chip.write_corrections(corrections)
        findings = tuple(
            run.read_back(_findings(fit, verdict, image.gain), index, corrections)
            for index, (fit, verdict) in enumerate(zip(fits, verdicts, strict=True))
        )
    except BaseException:
        chip.write_corrections(corrections_before)
        raise
    finally:
        codes_put(chip, codes_before)
    spent = chip.traffic
    cost = Cost(
        run.bench.shots,
        run.bench.reads,
        spent.bytes_sent + spent.bytes_received - traffic.bytes_sent - traffic.bytes_received,
        spent.frames_sent + spent.frames_received - traffic.frames_sent - traffic.frames_received,
        time.monotonic() - started,
    )
    conditions = Conditions(status.temperature_mk, chip.status().temperature_mk, supply_mv)
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Calibration(chip.info.uid, image_digest, findings, corrections, options, conditions, cost, date)
