"""Calibrate and keep: a calibration that survives being killed at any moment, and ends as a file in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from nt_calib.bench import ChipBench, codes_put
from nt_calib.calibrate import OnProgress, calibrate, check_chip
from nt_calib.journal import Journal, JournalBench, Start, open_journal
from nt_calib.options import Options
from nt_calib.result import Calibration
from nt_calib.store import CalibrationStore
from nt_hil.chip import Chip
from nt_model.correction import Corrections
from nt_model.image_file import LoadedImage

OnResume = Callable[[Journal], None]
"""Called before anything is measured, where an earlier part is taken up."""


def calibrate_and_keep(
    chip: Chip,
    loaded: LoadedImage,
    store: CalibrationStore,
    options: Options = Options(),
    on_progress: OnProgress = lambda _: None,
    *,
    on_resume: OnResume = lambda _: None,
    restart: bool = False,
    supply_mv: float | None = None,
) -> tuple[Path, Calibration]:
    """Calibrate `chip`, going on where a killed run left off; the file that keeps it, and the calibration.

    The cost told is that of all parts. The corrections are in force, not committed.

    Args:
        restart: drop what a killed run has measured.

    Raises:
        NtError: see `calibrate`, `open_journal` and `CalibrationStore.keep`.
    """
    check_chip(chip, loaded.image, loaded.digest)
    path = store.journal_path(chip.info.uid, loaded.digest)
    if restart:
        path.unlink(missing_ok=True)
    journal = open_journal(path, _start_now(chip, options))
    if journal.earlier.shots:
        _put_back(chip, journal.start)
        on_resume(journal)
    bench = JournalBench(ChipBench(chip), journal, lambda: chip.traffic, chip.info.layer_sizes[1:])
    found = calibrate(chip, loaded.image, loaded.digest, options, on_progress, bench=bench, supply_mv=supply_mv)
    found = _told_as_one(found, journal, bench)
    with journal.retired():
        kept = store.keep(found)
    return kept, found


def _start_now(chip: Chip, options: Options) -> Start:
    return Start(
        chip.info.uid,
        chip.info.image_digest,
        options,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        chip.read_codes()[0].tobytes().hex(),
        chip.read_corrections().astype("<u4").tobytes().hex(),
        chip.status().temperature_mk,
    )


def _put_back(chip: Chip, start: Start) -> None:
    """Codes and corrections that the chip had before it was first measured; `calibrate` then keeps these codes."""
    corrections = np.frombuffer(bytes.fromhex(start.corrections_hex), "<u4").astype(np.uint32)
    chip.write_corrections(Corrections.unpack(corrections))
    codes_put(chip, np.frombuffer(bytes.fromhex(start.codes_hex), np.uint8).copy())


def _told_as_one(found: Calibration, journal: Journal, bench: JournalBench) -> Calibration:
    """`found` with cost and first temperature of all parts."""
    earlier, cost = journal.earlier, found.cost
    cost = replace(
        cost,
        stimuli=bench.spent.shots,
        reads=bench.spent.reads,
        wire_bytes=cost.wire_bytes + earlier.wire_bytes,
        frames=cost.frames + earlier.frames,
        wall_s=cost.wall_s + earlier.wall_s,
    )
    return replace(
        found, cost=cost, conditions=replace(found.conditions, temperature_start_mk=journal.start.temperature_mk)
    )
