"""The experiments on many chips behind `nt-host experiment`: mismatch and transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nt_host.adapt.settings import AdaptSettings
from nt_host.cli.montecarlo import chosen_workers
from nt_host.cli.output import Output
from nt_host.fleet.mismatch import MismatchPlan, run_mismatch
from nt_host.fleet.transfer import TransferPlan, run_transfer
from nt_host.report.chips_page import MISMATCH_HEAD, TRANSFER_HEAD, mismatch_rows, transfer_rows
from nt_host.report.tables import plain_table
from nt_model.errors import UsageError

CHIP_EXPERIMENTS = ("mismatch", "transfer")


def refuse_options(name: str, given: Sequence[str]) -> None:
    """UsageError where an option is given that experiment `name` has no use for."""
    if given:
        raise UsageError(
            f"experiment '{name}' takes no such option",
            evidence=", ".join(f"--{each.replace('_', '-')}" for each in given),
            next_step="leave it out, see `nt-host experiment --help`",
        )


def _settings(plain: AdaptSettings, options: Mapping[str, Any]) -> AdaptSettings:
    changed = {name: options[name] for name in ("steps", "held_out") if options[name] is not None}
    return replace(plain, **changed)


def run_chip_experiment(output: Output, name: str, out: Path, options: Mapping[str, Any]) -> None:
    """Run `name` with `options` (chips, workers, scheduler, steps, held_out), print its table, keep it in `out`."""
    workers = chosen_workers(options["workers"], options["scheduler"])
    head: Sequence[str]
    with output.bar(name) as bar:
        if name == "mismatch":
            mismatch = MismatchPlan()
            chips = options["chips"] or mismatch.chips
            mismatch = replace(mismatch, settings=_settings(mismatch.settings, options), chips=chips)
            table = run_mismatch(mismatch, out, workers, bar.update)
            head, rows = MISMATCH_HEAD, mismatch_rows(table)
        else:
            transfer = TransferPlan()
            receivers = options["chips"] or transfer.receivers
            transfer = replace(transfer, settings=_settings(transfer.settings, options), receivers=receivers)
            table = run_transfer(transfer, out, workers, bar.update)
            head, rows = TRANSFER_HEAD, transfer_rows(table)
    for row in table["rows"]:
        output.record("row", **row)
    output.show(plain_table(f"{name}, per cent", head, rows))
    output.note(f"result: {out / f'{name}.json'}")
