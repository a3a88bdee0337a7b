"""Studies as `nt-host experiment` runs them: circuit, xor, power, the paper's tables, other systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from nt_host.circuit.study import run_circuit_study
from nt_host.cli.output import Output
from nt_host.domains.study import run_domains_study
from nt_host.experiment.plan import FIVE_SEEDS
from nt_host.library.study import run_library_study
from nt_host.paper.setting import paper_setting
from nt_host.paper.tables import FIVE_RUNS, TABLES, run_table
from nt_host.power.study import DEFAULT_SEEDS, run_power_study
from nt_host.report.tables import text_table
from nt_host.study.result import StudyResult, StudyTable, study_folder, write_study
from nt_host.systems.elman.study import DEFAULT_SEEDS as ELMAN_SEEDS
from nt_host.systems.elman.study import run_elman_study
from nt_host.systems.eqprop.study import DEFAULT_SEEDS as EQPROP_SEEDS
from nt_host.systems.eqprop.study import run_eqprop_study
from nt_host.systems.retention import DEFAULT_SEEDS as RETENTION_SEEDS
from nt_host.systems.retention import run_retention_study
from nt_host.systems.soft_lif import DEFAULT_SEEDS as SOFT_LIF_SEEDS
from nt_host.systems.soft_lif import run_soft_lif_study
from nt_host.xor.study import run_xor_study
from nt_model.errors import UsageError

OnProgress = Callable[[int, int, str], None]


def _circuit(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_circuit_study(folder, seeds[0] if seeds else 0, on_progress=on_progress)


def _elman(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_elman_study(folder, seeds or ELMAN_SEEDS, on_progress)


def _eqprop(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_eqprop_study(folder, seeds or EQPROP_SEEDS, on_progress)


def _power(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_power_study(folder, seeds or DEFAULT_SEEDS, on_progress)


def _retention(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_retention_study(folder, seeds or RETENTION_SEEDS, on_progress)


def _soft_lif(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_soft_lif_study(folder, seeds or SOFT_LIF_SEEDS, on_progress)


def _domains(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_domains_study(folder, seeds or FIVE_SEEDS, on_progress)


def _library(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_library_study(folder, seeds or FIVE_SEEDS, on_progress)


def _xor(folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    if seeds:
        raise UsageError("study 'xor' draws nothing", evidence="--seed", next_step="leave `--seed` out")
    return run_xor_study(folder, on_progress)


def _table(name: str, folder: Path, seeds: tuple[int, ...], on_progress: OnProgress) -> StudyResult:
    return run_table(name, paper_setting(folder, on_progress), folder, seeds or FIVE_RUNS, on_progress)


STUDIES: Mapping[str, Callable[[Path, tuple[int, ...], OnProgress], StudyResult]] = {
    "circuit": _circuit,
    "xor": _xor,
    "power": _power,
    **{name: partial(_table, name) for name in TABLES},
    "retention": _retention,
    "soft-lif": _soft_lif,
    "domains": _domains,
    "library": _library,
    "elman-trec": _elman,
    "eqprop": _eqprop,
}


def _shown(output: Output, result: StudyResult) -> None:
    checks = tuple((each.what, each.target, each.measured, "yes" if each.met else "NO") for each in result.checks)
    if checks:
        checked = StudyTable(result.title, ("checked", "asked", "measured", "met"), checks)
        output.show(text_table(checked.title, checked.columns, checked.rows))
        output.show("")
    for table in result.tables:
        output.show(text_table(table.title, table.columns, table.rows))
        output.show("")
    if result.finding:
        output.show(result.finding)
        output.record("finding", study=result.study, text=result.finding)
    for check in result.checks:
        output.record("check", study=result.study, **asdict(check))
    for table in result.tables:
        output.record("table", study=result.study, **asdict(table))


def run_study(output: Output, name: str, out: Path, seeds: tuple[int, ...]) -> None:
    """Run study `name` into folder `out` and print it; TargetNotMetError where a check is missed."""
    folder = study_folder(out)
    with output.bar(name) as bar:
        result = STUDIES[name](folder, seeds, bar.update)
    _shown(output, result)
    output.note(f"result: {write_study(folder, result)}")
    result.require_checks()
