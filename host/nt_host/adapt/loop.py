"""The learning loop, driven from the host.

Which side computes the update is a `Stepper`: the host's own rule, or the firmware's. Everything that a step depends
on is a function of (seed, step), of the codes and of the rule's state, see `checkpoint.py`.

A run has one or two rounds. The trial learns from a part of the labels and is judged on the rest, which decides
whether learning pays at all. If it does, the refit learns again from the start with all labels, since a quarter of a
few labels is much to give away; its codes are kept unless the once held-out labels show them worse than the start.
Without held-out labels there is a single round on all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip, Readout, Traffic
from nt_hil.traffic import difference
from nt_host.adapt.batches import BatchDraw
from nt_host.adapt.checkpoint import Checkpoint
from nt_host.adapt.deck import Deck
from nt_host.adapt.run_folder import RunFolder
from nt_host.adapt.settings import AdaptSettings
from nt_host.adapt.stepper import Stepper, make_stepper, need
from nt_host.adapt.stop import Best, judged
from nt_host.evaluate import plain_readout
from nt_host.move_codes import move_codes
from nt_host.power.budget import BudgetedChip, PowerBudget
from nt_host.power.silent import ActivityWatch, parked_codes, silent_domains
from nt_host.readout import Accuracy, image_accuracy
from nt_host.rules.base import taken
from nt_host.tasks.split import hold_out
from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class Progress:
    """Where a run stands: `step` of at most `n_steps`; `held_out` accuracy just judged, None where nothing is."""

    step: int
    n_steps: int
    held_out: Accuracy | None


@dataclass(frozen=True, eq=False)
class AdaptResult:
    """What a run ended with.

    Attributes:
        codes: (n_codes,) uint8, now on the chip.
        steps: learning steps done, over all rounds.
        kept_step: step whose codes were kept; 0 where learning did not pay.
        best: state of the early stop after the trial; None where nothing was held out.
        n_fit, n_held_out: labelled samples that were fitted and held out.
        code_bytes: bytes of codes that the host wrote, over all parts of a resumed run.
        wire_bytes: bytes on the wire in both directions, over all parts.
        seconds: time spent, over all parts.
        parked: domains that were brought to the lowest code because their neurons are silent.
    """

    codes: ByteArray
    steps: int
    kept_step: int
    best: Best | None
    n_fit: int
    n_held_out: int
    code_bytes: int
    wire_bytes: int
    seconds: float
    parked: int = 0


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
    start_codes: ByteArray
    meter: _Meter
    on_progress: Callable[[Progress], None]

    @property
    def n_steps(self) -> int:
        """Steps of all rounds, where none ends early."""
        return self.settings.steps * (2 if len(self.held) and self.settings.refit else 1)

    def judge(self) -> Accuracy:
        """Accuracy of the present codes on the held-out samples."""
        response = self.deck.present(self.held, plain_readout(self.chip.info))
        return image_accuracy(self.image, response.plain[-1], self.labels[self.held], response.membrane_q8)

    def stepper(self, resume: Checkpoint | None) -> Stepper:
        return make_stepper(self.chip, self.image, self.settings, self.settings.steps, resume)


@dataclass(frozen=True, eq=False)
class _Round:
    """One pass of the rate's schedule: `rows` are learned from, `begin` is the run's step at which it begins; only
    the trial is judged."""

    run: _Run
    rows: Int64Array
    begin: int
    is_trial: bool
    stepper: Stepper

    def keep(self, step: int, best: Best | None) -> None:
        """Checkpoint after `step`, where the stepper can go on from there."""
        run = self.run
        if run.folder is None or not (self.stepper.resumable or step == self.begin):
            return
        run.folder.save(
            Checkpoint(
                step,
                self.begin,
                self.stepper.codes,
                run.start_codes,
                self.stepper.state_arrays(),
                best,
                run.chip.status().samples_presented,
                *run.meter.reading(),
                run.chip.info.uid,
                run.chip.info.image_digest,
            )
        )

    def log(self, step: int, held_out: Accuracy | None) -> None:
        run = self.run
        run.on_progress(Progress(step, run.n_steps, held_out))
        if run.folder is None:
            return
        code_bytes, wire_bytes, seconds = run.meter.reading()
        run.folder.append_metric(
            kind="judgement",
            round="trial" if self.is_trial else "refit",
            step=step,
            held_out=None if held_out is None else held_out.__dict__,
            code_bytes=code_bytes,
            wire_bytes=wire_bytes,
            seconds=round(seconds, 3),
        )

    def learn(self, best: Best | None, step: int) -> tuple[Best | None, int]:
        """Learn from `step` to the end of the round, or of the patience."""
        settings = self.run.settings
        labels = self.run.labels
        end = self.begin + settings.steps
        draw = BatchDraw(labels[self.rows], settings.batch_size, settings.seed)
        while step < end and not (best is not None and settings.patience and best.waited >= settings.patience):
            rows = self.rows[draw.rows(step)]
            self.stepper.step(self.run.deck, rows, labels[rows], step - self.begin)
            step += 1
            if (step - self.begin) % settings.judge_every and step < end:
                continue
            self.stepper.settle()
            seen = None
            if self.is_trial and best is not None:
                seen = self.run.judge()
                best = judged(best, seen, self.stepper.codes, step)
            self.log(step, seen)
            self.keep(step, best)
        return best, step


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
    if settings.park_silent and len(image.layers) > 1:
        need(chip, Capability.HIDDEN_SPIKES, "read-out of hidden spikes, which shows the silent ones")
    meter = _Meter(chip, resume)
    if settings.power_budget_uw:
        chip = _budgeted(chip, image, settings, x, resume)
    if resume is not None:
        move_codes(chip, resume.codes)
    start_codes = chip.read_codes()[0] if resume is None else resume.start_codes
    run = _Run(chip, image, labels, settings, folder, Deck(chip, x), fit, held, start_codes, meter, on_progress)
    in_refit = resume is not None and resume.round_begin > 0
    best, step = (resume.best, resume.step) if resume is not None and in_refit else _trial(run, resume)
    codes, kept_step = (run.chip.read_codes()[0], step) if best is None else (best.codes, best.step)
    if best is not None and best.step > 0 and settings.refit:
        refitted, step = _refit(run, best, step, resume if in_refit else None)
        if refitted is not None:
            codes, kept_step = refitted, step
    parked = 0
    if settings.park_silent:
        move_codes(chip, codes)
        codes, parked = _parked(run, codes)
    move_codes(chip, codes)
    return AdaptResult(codes.copy(), step, kept_step, best, len(fit), len(held), *meter.reading(), parked)


def _budgeted(
    chip: Chip, image: Image, settings: AdaptSettings, x: ByteArray, resume: Checkpoint | None
) -> BudgetedChip:
    """The chip within its power budget, brought there before anything is learned: which neurons are quiet on the
    labelled samples is seen first, where the chip shows it. A resumed run knows that, and goes to its own codes."""
    budget = PowerBudget(image, settings.power_budget_uw, chip.info.code_min)
    watch = ActivityWatch(image)
    if resume is not None:
        watch.rank = taken(resume.rule_state, ActivityWatch.STATE, watch.rank)
        return BudgetedChip(chip, budget, watch)
    if Capability.HIDDEN_SPIKES in chip.info.capabilities:
        watch.see(chip.present(x, Readout(hidden=True)).plain, share=1.0)
    bounded = BudgetedChip(chip, budget, watch)
    move_codes(bounded, budget.limited(chip.read_codes()[0], watch.rank))
    return bounded


def _parked(run: _Run, codes: ByteArray) -> tuple[ByteArray, int]:
    """`codes` with silent domains at the lowest code, and how many of these moved; silent on all labelled samples."""
    every = np.arange(len(run.labels), dtype=np.int64)
    counts = run.deck.present(every, Readout(hidden=True)).plain
    parked = parked_codes(codes, silent_domains(run.image, counts), run.chip.info.code_min)
    return parked, int((parked != codes).sum())


def _trial(run: _Run, resume: Checkpoint | None) -> tuple[Best | None, int]:
    """First round: (state of the early stop, steps done)."""
    first = _Round(run, run.fit, 0, True, run.stepper(resume))
    if resume is not None:
        return first.learn(resume.best, resume.step)
    start = run.judge() if len(run.held) else None
    best = None if start is None else Best.at_start(start, run.start_codes)
    first.log(0, start)
    first.keep(0, best)
    return first.learn(best, 0)


def _refit(run: _Run, best: Best, step: int, resume: Checkpoint | None) -> tuple[ByteArray | None, int]:
    """Second round, with all labels from the start: (its codes, or None where they are worse than the start; steps)."""
    every = np.arange(len(run.labels), dtype=np.int64)
    if resume is None:
        move_codes(run.chip, run.start_codes)
        second = _Round(run, every, step, False, run.stepper(None))
        second.keep(step, best)
    else:
        second = _Round(run, every, resume.round_begin, False, run.stepper(resume))
    # The trial's patience is spent: the refit always runs its whole schedule.
    _, step = second.learn(replace(best, waited=0), step)
    end = run.judge()
    worse = end.argmax < best.start.argmax or end.strict < best.start.strict
    return (None if worse else second.stepper.codes), step
