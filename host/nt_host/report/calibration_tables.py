"""Calibrations for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from nt_calib.judge import figures_of
from nt_calib.result import Calibration
from nt_calib.target import FailedNeuron
from nt_calib.verdict import Verdict
from nt_host.calibration import CalibrateReport, CheckReport
from nt_host.report.tables import plain_table, text_table

SHOWN = 12
"""Failed neurons that are named on the terminal; the file and `--json` name all."""


def _temperature(millikelvin: int) -> str:
    return f"{millikelvin / 1000 - 273.15:.1f} °C"


def _conditions(calibration: Calibration) -> str:
    conditions = calibration.conditions
    start, end = _temperature(conditions.temperature_start_mk), _temperature(conditions.temperature_end_mk)
    die = start if start == end else f"{start} to {end}"
    supply = "supply not told" if conditions.supply_mv is None else f"supply {conditions.supply_mv:g} mV"
    return f"die {die}, {supply}"


def _layer_rows(calibration: Calibration) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for index, layer in enumerate(calibration.layers):
        counts = [int((layer.verdict == one).sum()) for one in Verdict]
        failed = ", ".join(
            f"{count} {one.name.lower().replace('_', ' ')}"
            for one, count in zip(Verdict, counts, strict=True)
            if count and one != Verdict.GOOD
        )
        rows.append((f"layer {index}", str(len(layer.verdict)), str(counts[Verdict.GOOD]), failed or "none"))
    return rows


def calibration_tables(report: CalibrateReport) -> tuple[RenderableType, ...]:
    """(neurons by layer, figures and cost)."""
    calibration = report.calibration
    figures, cost = figures_of(calibration), calibration.cost
    missed = report.target.shortfalls(figures)
    verdict = "good" if not missed else "target missed: " + "; ".join(missed)
    kept = "in force" if report.committed is None else f"in force and committed (generation {report.committed})"
    rows = [
        (
            "spread of gains",
            f"{100 * figures.sigma_before:.2f} % before, {100 * figures.sigma_after:.2f} % after "
            "(trimmed sigma of ln gain)",
        ),
        ("after / before", f"{figures.ratio:.3f}"),
        ("temporal noise", f"{100 * figures.noise:.2f} % of the threshold per read"),
        ("conditions", _conditions(calibration)),
        ("cost", f"{cost.stimuli:,} stimuli, {cost.reads:,} reads, {cost.wire_bytes:,} bytes in {cost.wall_s:.1f} s"),
        ("on a wire", f"{cost.wire_s():.2f} s at 921,600 baud"),
        ("corrections", kept),
        ("kept", str(report.path)),
        ("verdict", verdict),
    ]
    layers = plain_table(
        f"chip {calibration.uid}, image {calibration.image_digest[:12]}",
        ("", "neurons", "calibrated", "failed"),
        _layer_rows(calibration),
    )
    return layers, text_table("", ("", ""), rows)


def failed_table(failed: Sequence[FailedNeuron]) -> RenderableType:
    """Neurons that are not calibrated, and the boundary that each hit."""
    more = f", the first {SHOWN}" if len(failed) > SHOWN else ""
    rows = [(f"layer {one.layer}", f"neuron {one.neuron}", one.boundary) for one in failed[:SHOWN]]
    return text_table(f"neurons that are not calibrated: {len(failed)}{more}", ("", "", ""), rows)


def check_table(report: CheckReport, wire_s: float) -> RenderableType:
    """What a check found."""
    result = report.result
    moved = [(one["layer"], one["neuron"]) for one in result.table()["moved"]]
    named = ", ".join(f"layer {layer} neuron {neuron}" for layer, neuron in moved[:SHOWN])
    more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
    rows = [
        ("neurons judged", f"{result.measured:,} of {sum(len(layer.error) for layer in result.layers):,}"),
        ("moved", f"{len(moved)}{': ' + named + more if moved else ''}"),
        ("common shift", f"{result.median_code:+.2f} codes"),
        ("spread", f"{result.spread_code:.2f} codes (trimmed sigma, noise of the check included)"),
        ("die", f"{result.temperature_change_mk / 1000:+.1f} K since the calibration"),
        ("cost", f"{result.shots} stimuli, {report.wire_bytes:,} bytes, {wire_s:.2f} s at 921,600 baud"),
        ("verdict", "holds" if result.holds else "does not hold: " + "; ".join(result.reasons)),
    ]
    title = f"chip {report.calibration.uid}, {report.path.name} of {report.calibration.date}"
    return text_table(title, ("", ""), rows)
