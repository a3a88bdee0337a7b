"""The learning loop, driven from the host.

Which side computes the update is a `Stepper`: the host's own rule, or the firmware's. Everything that a step depends
on is a function of (seed, step), of the codes and of the rule's state, see `checkpoint.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, Traffic
from nt_hil.traffic import difference
from nt_host.adapt.batches import batch_rows, steps_per_epoch
from nt_host.adapt.checkpoint import Checkpoint
from nt_host.adapt.deck import Deck
from nt_host.adapt.run_folder import RunFolder
from nt_host.adapt.settings import AdaptSettings
from nt_host.adapt.stepper import Stepper, make_stepper
from nt_host.adapt.stop import Best, judged
from nt_host.evaluate import plain_readout
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy, accuracy
from nt_host.tasks.split import hold_out
from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Progress:
    """Where a run stands: `step` of `n_steps`; `held_out` accuracy just judged, None where nothing is held out."""

    step: int
    n_steps: int
    held_out: Accuracy | None


@dataclass(frozen=True, eq=False)
class AdaptResult:
    """What a run ended with.

    Attributes:
        codes: (n_codes,) uint8, now on the chip.
        steps: learning steps done.
        best: state of the early stop; None where nothing was held out.
        n_fit, n_held_out: labelled samples that were fitted and held out.
        code_bytes: bytes of codes that the host wrote, over all parts of a resumed run.
        wire_bytes: bytes on the wire in both directions, over all parts.
        seconds: time spent, over all parts.
    """

    codes: ByteArray
    steps: int
    best: Best | None
    n_fit: int
    n_held_out: int
    code_bytes: int
    wire_bytes: int
    seconds: float


class _Meter:
    """Bytes and seconds since the run began, over all parts of a resumed run."""

    def __init__(self, chip: Chip, since: Checkpoint | None) -> None:
        self._chip = chip
        self._traffic: Traffic = chip.traffic
        self._started = time.monotonic()
        self._before = (since.code_bytes, since.wire_bytes, since.seconds) if since is not None else (0, 0, 0.0)

    def reading(self) -> tuple[int, int, float]:
        """(bytes of codes, bytes on the wire, seconds)."""
        spent = difference(self._chip.traffic, self._traffic)
        code_bytes, wire_bytes, seconds = self._before
        return (
            code_bytes + spent.code_bytes_written,
            wire_bytes + spent.bytes_sent + spent.bytes_received,
            seconds + time.monotonic() - self._started,
        )


@dataclass(frozen=True, eq=False)
class _Run:
    chip: Chip
    image: Image
    labels: Int64Array
    settings: AdaptSettings
    folder: RunFolder | None
    deck: Deck
    fit: Int64Array
    held: Int64Array
    stepper: Stepper
    n_steps: int
    meter: _Meter

    @property
    def judge_period(self) -> int:
        return self.settings.judge_every * steps_per_epoch(len(self.fit), self.settings.batch_size)

    def judge(self) -> Accuracy:
        readout = plain_readout(self.chip.info)
        response = self.deck.present(self.held, readout)
        labels = self.labels[self.held]
        return accuracy(self.image.readout_class, response.plain[-1], labels, response.membrane_q8)

    def keep(self, step: int, best: Best | None) -> None:
        """Checkpoint after `step`, where the stepper can go on from there."""
        if self.folder is not None and (self.stepper.resumable or step == 0):
            code_bytes, wire_bytes, seconds = self.meter.reading()
            self.folder.save(
                Checkpoint(
                    step,
                    self.stepper.codes,
                    self.stepper.state_arrays(),
                    best,
                    self.chip.status().samples_presented,
                    code_bytes,
                    wire_bytes,
                    seconds,
                    self.chip.info.uid,
                    self.chip.info.image_digest,
                )
            )

    def log(self, step: int, held_out: Accuracy | None) -> None:
        if self.folder is None:
            return
        code_bytes, wire_bytes, seconds = self.meter.reading()
        self.folder.append_metric(
            kind="judgement",
            step=step,
            held_out=None if held_out is None else held_out.__dict__,
            code_bytes=code_bytes,
            wire_bytes=wire_bytes,
            seconds=round(seconds, 3),
        )


def _check(image: Image, labels: Int64Array, x: ByteArray, fit: Int64Array) -> None:
    if len(x) != len(labels):
        raise UsageError(
            "events and labels do not fit: one label per sample is needed",
            evidence=f"{len(x)} samples, {len(labels)} labels",
            next_step="check the data",
        )
    if len(fit) == 0:
        raise UsageError(
            "no labelled sample is left to fit",
            evidence=f"{len(labels)} labels",
            next_step="give more labels, or a smaller `--held-out`",
        )


def adapt(
    chip: Chip,
    image: Image,
    x: ByteArray,
    labels: Int64Array,
    settings: AdaptSettings,
    *,
    folder: RunFolder | None = None,
    resume: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> AdaptResult:
    """Adapt `chip` by its codes alone, from the codes that it holds now.

    Args:
        x: (n, M) or (n, T, M) uint8 events of the labelled samples.
        labels: (n,) int64 classes.
        folder: where metrics and checkpoints go; None keeps nothing.
        resume: checkpoint to go on from; the chip is brought to its codes first.
        on_progress: called after every judgement.

    Returns:
        The result; the chip holds its codes, which on the held-out labels are never worse than the start.

    Raises:
        UsageError: samples, labels or settings do not fit; LinkError, DeviceError, SafetyError: as `Chip`.
    """
    fit, held = hold_out(labels, settings.held_out, settings.seed)
    _check(image, labels, x, fit)
    meter = _Meter(chip, resume)
    if resume is not None:
        move_codes(chip, resume.codes)
    n_steps = settings.epochs * steps_per_epoch(len(fit), settings.batch_size)
    stepper = make_stepper(chip, image, settings, n_steps, resume)
    run = _Run(chip, image, labels, settings, folder, Deck(chip, x), fit, held, stepper, n_steps, meter)
    best, step = _begin(run, resume)
    best, step = _learn(run, best, step, on_progress)
    codes = run.stepper.codes if best is None else best.codes
    move_codes(chip, codes)
    return AdaptResult(codes.copy(), step, best, len(fit), len(held), *meter.reading())


def _begin(run: _Run, resume: Checkpoint | None) -> tuple[Best | None, int]:
    if resume is not None:
        return resume.best, resume.step
    start = run.judge() if len(run.held) else None
    best = None if start is None else Best.at_start(start, run.stepper.codes)
    run.log(0, start)
    run.keep(0, best)
    return best, 0


def _learn(run: _Run, best: Best | None, step: int, on_progress: Callable[[Progress], None]) -> tuple[Best | None, int]:
    settings = run.settings
    while step < run.n_steps and not (best is not None and settings.patience and best.waited >= settings.patience):
        rows = run.fit[batch_rows(len(run.fit), settings.batch_size, settings.seed, step)]
        run.stepper.step(run.deck, rows, run.labels[rows], step)
        step += 1
        if step % run.judge_period and step < run.n_steps:
            continue
        seen = None
        if best is not None:
            seen = run.judge()
            best = judged(best, seen, run.stepper.codes, step)
        run.log(step, seen)
        run.keep(step, best)
        on_progress(Progress(step, run.n_steps, seen))
    return best, step
