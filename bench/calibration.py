"""Calibration of many simulated chips at every corner, held against the truth of their silicon.

    python -m bench.calibration --out FOLDER [--chips 100] [--corner NAME ...] [--workers N]

Each chip is calibrated through the wire, as `nt-host calibrate` does it; only then this bench looks at the devices that
were drawn. Results are kept chip by chip in FOLDER, so that a killed run goes on; the summary goes to
docs/results/chips/calibration.json. Never asserts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_calib.calibrate import calibrate
from nt_calib.judge import trimmed_sigma
from nt_calib.law import log_nominal_gain
from nt_calib.options import Options
from nt_calib.verdict import Verdict
from nt_host.cli.output import Output
from nt_host.fleet.keep import Keep, digest_of
from nt_host.fleet.run import Workers, cores, run_all
from nt_host.fleet.simulated import simulated_chip
from nt_host.images import packaged_image
from nt_model.corner import corner_named
from nt_model.correction import Corrections
from nt_model.image import CODE_DEFAULT
from nt_model.image_file import LoadedImage, read_image, write_atomically
from nt_model.silicon import Silicon

FloatArray = NDArray[np.float64]
CORNERS = ("quiet", "typical", "slow", "fast", "wild", "worn")
INNER_CODES = np.arange(64, 193, 2)
ALL_CODES = np.arange(0, 256, 5)
RESULT = Path(__file__).parents[1] / "docs" / "results" / "chips" / "calibration.json"
SCHEMA = "nt-bench-calibration/1"


@dataclass(frozen=True, eq=False)
class Setup:
    """Image in the ROM of all chips, and how they are calibrated."""

    loaded: LoadedImage
    options: Options


@dataclass(frozen=True)
class ChipTask:
    """The die of `seed` at the corner called `corner`."""

    corner: str
    seed: int


@dataclass(frozen=True)
class ChipFigures:
    """Of one chip, against its silicon. Gains are input-referred, ln of gain over nominal gain; `sigma` is trimmed
    (5 %), over the calibrated neurons; residuals are errors of the gain in DAC codes, magnitudes.

    Attributes:
        gain_sigma_before, gain_sigma_after: over nominal codes 64..192 together.
        threshold_sigma_before, threshold_sigma_after: of the smallest drive that fires at code 128.
        healthy_gain_sigma_after: as `gain_sigma_after`, over all neurons that are neither dead nor stuck.
        residual_p50, residual_p95, residual_p99: codes 64..192.
        all_codes_p95: residual over codes 0..255.
        reachable: share of (neuron, code 64..192) whose corrected code lies within the DAC's bounds; `reachable_p95`
            and `all_reachable_p95`: residuals over these alone, codes 64..192 and 0..255.
        verdicts: number of neurons by verdict.
        faults: dead or stuck neurons; `missed_faults`: those not called dead or stuck; `faults_called_good`: those
            that the calibration vouches for; `false_faults`: healthy ones that were called dead or stuck.
        wire_bytes, wire_s: of the calibration, at 921,600 baud.
        seconds: computing time here, simulated chip included.
    """

    corner: str
    seed: int
    neurons: int
    calibrated: int
    gain_sigma_before: float
    gain_sigma_after: float
    threshold_sigma_before: float
    threshold_sigma_after: float
    healthy_gain_sigma_after: float
    residual_p50: float
    residual_p95: float
    residual_p99: float
    all_codes_p95: float
    reachable: float
    reachable_p95: float
    all_reachable_p95: float
    verdicts: dict[str, int]
    faults: int
    missed_faults: int
    faults_called_good: int
    false_faults: int
    stimuli: int
    wire_bytes: int
    wire_s: float
    seconds: float


def true_log_gain(silicon: Silicon, corrections: Corrections, codes: NDArray[np.int64]) -> FloatArray:
    """ln of input-referred gain over nominal gain of every neuron at nominal `codes` (K,), (N, K)."""
    image = silicon.image
    columns = []
    for code in codes:
        dac = corrections.dac_codes(np.full(image.n_codes, code, np.uint8))
        operating = silicon.operating(dac)
        ratios = [
            np.maximum(drawn.gain_q12[:, 0].astype(np.float64), 0.5)
            / 4096
            * layer.threshold_q8
            / np.where(drawn.threshold_q8 == 0, 1, drawn.threshold_q8)
            for layer, drawn in zip(image.layers, operating.layers, strict=True)
        ]
        # A threshold of the other sign than nominal has no ratio: such a neuron counts as far off, not as absent.
        columns.append(np.log(np.maximum(np.concatenate(ratios), 1e-3)))
    return np.stack(columns, axis=1) - log_nominal_gain(image.gain, codes.astype(np.float64))


def within_bounds(corrections: Corrections, domain: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the corrected code of each neuron's `domain` (N,) at nominal `codes` (K,) meets no bound, (N, K)."""
    domains = len(corrections.offset_q4)
    dac = np.stack([corrections.dac_codes(np.full(domains, code, np.uint8)) for code in codes], axis=1)
    inside: NDArray[np.bool_] = (dac > 0) & (dac < 255) | (codes == 0) | (codes == 255)
    return inside[domain]


def in_codes(log_error: FloatArray, gain_q12: NDArray[np.uint16], codes: NDArray[np.int64]) -> FloatArray:
    """Magnitude of gain errors (N, K) at `codes` (K,) in steps of the DAC, (N, K)."""
    low, high = np.maximum(codes - 1.0, 0.0), np.minimum(codes + 1.0, 255.0)
    step = (log_nominal_gain(gain_q12, high) - log_nominal_gain(gain_q12, low)) / (high - low)
    return np.abs(log_error) / step


def run_chip(setup: Setup, task: ChipTask) -> ChipFigures:
    """Calibrate the chip and hold it against its silicon."""
    image, started = setup.loaded.image, time.process_time()
    client, silicon = simulated_chip(setup.loaded, corner_named(task.corner), task.seed)
    with closing(client) as chip:
        found = calibrate(chip, image, setup.loaded.digest, setup.options)
    seconds = time.process_time() - started
    verdict = np.concatenate([layer.verdict for layer in found.layers])
    fault = np.concatenate([devices.fault for devices in silicon.neurons])
    good, healthy = verdict == Verdict.GOOD, fault == 0
    none = Corrections.none(image.n_codes)
    before, after = (true_log_gain(silicon, each, INNER_CODES) for each in (none, found.corrections))
    at_default = int(np.flatnonzero(INNER_CODES == CODE_DEFAULT)[0])
    residual = in_codes(after[good], image.gain, INNER_CODES)
    everywhere = in_codes(true_log_gain(silicon, found.corrections, ALL_CODES)[good], image.gain, ALL_CODES)
    domain = np.concatenate([layer.domain[:, 0] for layer in image.layers]).astype(np.int64)[good]
    inner, outer = (within_bounds(found.corrections, domain, codes) for codes in (INNER_CODES, ALL_CODES))
    called = np.isin(verdict, (Verdict.DEAD, Verdict.STUCK))
    return ChipFigures(
        task.corner,
        task.seed,
        len(verdict),
        int(good.sum()),
        trimmed_sigma(before[good]),
        trimmed_sigma(after[good]),
        trimmed_sigma(-before[good, at_default]),
        trimmed_sigma(-after[good, at_default]),
        trimmed_sigma(after[healthy]),
        *(float(np.percentile(residual, share)) for share in (50, 95, 99)),
        float(np.percentile(everywhere, 95)),
        float(inner.mean()),
        float(np.percentile(residual[inner], 95)),
        float(np.percentile(everywhere[outer], 95)),
        {each.name: int((verdict == each).sum()) for each in Verdict if (verdict == each).any()},
        int((~healthy).sum()),
        int((~healthy & ~called).sum()),
        int((~healthy & good).sum()),
        int((healthy & called).sum()),
        found.cost.stimuli,
        found.cost.wire_bytes,
        found.cost.wire_s(),
        round(seconds, 3),
    )


def summary(corner: str, chips: Sequence[ChipFigures]) -> dict[str, Any]:
    """Figures of one corner over its chips."""

    def over(values: Sequence[float]) -> dict[str, float]:
        low, middle, high = np.percentile(values, [5, 50, 95])
        worst = float(np.max(values))
        return {"median": float(middle), "p5": float(low), "p95": float(high), "worst": worst}

    verdicts: dict[str, int] = {}
    for chip in chips:
        for name, count in chip.verdicts.items():
            verdicts[name] = verdicts.get(name, 0) + count
    return {
        "corner": corner,
        "chips": len(chips),
        "neurons": sum(chip.neurons for chip in chips),
        "gain_sigma_before": over([chip.gain_sigma_before for chip in chips]),
        "gain_ratio": over([chip.gain_sigma_after / chip.gain_sigma_before for chip in chips]),
        "threshold_ratio": over([chip.threshold_sigma_after / chip.threshold_sigma_before for chip in chips]),
        "healthy_gain_ratio": over([chip.healthy_gain_sigma_after / chip.gain_sigma_before for chip in chips]),
        "residual_p50": over([chip.residual_p50 for chip in chips]),
        "residual_p95": over([chip.residual_p95 for chip in chips]),
        "residual_p99": over([chip.residual_p99 for chip in chips]),
        "all_codes_p95": over([chip.all_codes_p95 for chip in chips]),
        "reachable": over([chip.reachable for chip in chips]),
        "reachable_p95": over([chip.reachable_p95 for chip in chips]),
        "all_reachable_p95": over([chip.all_reachable_p95 for chip in chips]),
        "verdicts": verdicts,
        "faults": sum(chip.faults for chip in chips),
        "missed_faults": sum(chip.missed_faults for chip in chips),
        "faults_called_good": sum(chip.faults_called_good for chip in chips),
        "false_faults": sum(chip.false_faults for chip in chips),
        "wire_bytes_per_1000": float(np.mean([1000 * chip.wire_bytes / chip.neurons for chip in chips])),
        "wire_s_per_1000": over([1000 * chip.wire_s / chip.neurons for chip in chips]),
        "cpu_s": over([chip.seconds for chip in chips]),
    }


def keep_summary(path: Path, head: dict[str, Any], row: dict[str, Any]) -> None:
    """Put the summary of one corner into the result file, beside those of other corners under the same `head`."""
    rows = {}
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if {name: stored.get(name) for name in head} == head:
            rows = {each["corner"]: each for each in stored["corners"]}
    rows[row["corner"]] = row
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {**head, "corners": [rows[name] for name in CORNERS if name in rows]}
    write_atomically(path, (json.dumps(table, indent=1) + "\n").encode())


def main() -> None:
    parser = argparse.ArgumentParser(description="Calibrate many simulated chips and hold them against their silicon.")
    parser.add_argument("--out", type=Path, required=True, help="folder that keeps the chips")
    parser.add_argument("--chips", type=int, default=100)
    parser.add_argument("--corner", action="append", choices=CORNERS)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--image", type=Path, default=packaged_image("digits"))
    parser.add_argument("--result", type=Path, default=RESULT)
    chosen = parser.parse_args()
    setup = Setup(read_image(chosen.image), Options())
    context = digest_of({"image": setup.loaded.digest, "options": asdict(setup.options)})
    keep = Keep(chosen.out, context, ChipFigures)
    output = Output(as_json=False)
    head = {"schema": SCHEMA, "image": setup.loaded.digest, "options": asdict(setup.options)}
    for corner in chosen.corner or CORNERS:
        tasks = [ChipTask(corner, seed) for seed in range(chosen.chips)]
        with output.bar(corner) as bar:
            chips = run_all(run_chip, setup, tasks, keep, Workers(chosen.workers), bar.update)
        row = summary(corner, chips)
        keep_summary(chosen.result, head, row)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
