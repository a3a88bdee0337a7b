"""One learning step, computed by the host's rule or by the firmware's loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip, LearnBatch, Readout
from nt_host.adapt.checkpoint import Checkpoint
from nt_host.adapt.deck import Deck
from nt_host.adapt.settings import DEVICE_RULE, AdaptSettings
from nt_host.move_codes import move_from
from nt_host.power.budget import BudgetedChip
from nt_host.power.silent import ActivityWatch
from nt_host.rules import Observation, ProbingRule, Rule, RuleEntry, entry_named, make_rule
from nt_host.rules.base import settings_from
from nt_host.rules.dmn import DmnRule, DmnSettings, learn_settings, rates_q8
from nt_host.rules.tft import DIGITAL_RULE
from nt_model.errors import UsageError
from nt_model.image import CODE_DEFAULT, Image

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
QUEUED_STEPS = 20
"""Learning steps of the device loop in one exchange; the session keeps a window of frames in flight."""


class Stepper(Protocol):
    """Makes learning steps and knows the codes they led to.

    Attributes:
        resumable: whether `state_arrays` is all that the next step depends on. If not, a resumed run starts over.
    """

    resumable: bool

    @property
    def codes(self) -> ByteArray:
        """Codes on the chip now, (n_codes,) uint8."""
        ...

    def step(self, deck: Deck, rows: Int64Array, labels: Int64Array, step: int) -> None:
        """Learning step number `step` on the samples `rows` (B,) of the deck with `labels` (B,)."""
        ...

    def settle(self) -> None:
        """Bring the chip to `codes`; until then they may still wait to travel with the next samples."""
        ...

    def state_arrays(self) -> Mapping[str, NDArray[Any]]: ...


def check_rule(settings: AdaptSettings) -> None:
    """Refuse a rule or a rule setting that does not exist, before a chip is opened.

    Raises:
        UsageError: the rule is unknown, has no such setting, or the setting is out of range.
    """
    if settings.rule == DIGITAL_RULE:
        raise UsageError(
            f"rule '{DIGITAL_RULE}' tunes weights, which no chip allows",
            evidence="it is the digital upper bound",
            next_step=f"compare with `nt-host experiment NAME --rule {DIGITAL_RULE} --out FOLDER`",
        )
    entry = entry_named(settings.rule)
    known = sorted(field.name for field in fields(entry.settings_type))
    unknown = sorted(set(settings.rule_options) - set(known))
    if unknown:
        raise UsageError(
            f"rule '{entry.name}' has no setting '{unknown[0]}'",
            evidence=f"its settings: {', '.join(known)}",
            next_step=f"give for example `--set {known[0]}=NUMBER`",
        )
    settings_from(entry, settings.rule_options)


def is_dithered(settings: AdaptSettings, image: Image) -> bool:
    """Whether a learning step reads the chip three times: at its codes, above and below them."""
    start = np.full(image.n_codes, CODE_DEFAULT, np.uint8)
    return make_rule(settings.rule, image, start, settings.rule_options).dither is not None


def rule_values(entry: RuleEntry, chip: Chip, settings: AdaptSettings, n_steps: int) -> dict[str, float]:
    """Settings of a rule: the run's length and the chip's limits where the rule has a place for them, then what the
    user asked for."""
    known = {field.name for field in fields(entry.settings_type)}
    info = chip.info
    offered: dict[str, float] = {"steps": n_steps, "code_min": info.code_min, "code_max": info.code_max}
    values = {name: value for name, value in offered.items() if name in known}
    return {**values, **settings.rule_options}


class HostStepper:
    """The host reads spikes, its rule computes, and absolute codes are written within the chip's slew limit, in one
    exchange with the next samples: a line of its own for each would stand idle twice per step."""

    resumable = True

    def __init__(self, chip: Chip, codes: ByteArray, rule: Rule) -> None:
        self._chip = chip
        self._codes = self._on_chip = codes
        self._rule = rule
        self._prober = rule if isinstance(rule, ProbingRule) else None
        self._budgeted = chip if isinstance(chip, BudgetedChip) else None
        # A budget watches the plain spikes; else the rule's own needs are a third of the bytes.
        self._gated = rule if isinstance(rule, DmnRule) and self._budgeted is None else None
        self._readout = Readout(hidden=rule.hidden_spikes, dither=rule.dither, gates=self._gated is not None)

    @property
    def codes(self) -> ByteArray:
        return self._codes

    def step(self, deck: Deck, rows: Int64Array, labels: Int64Array, step: int) -> None:
        if self._prober is not None:
            self._codes = self._prober.update(self._probed(self._prober, deck, rows, labels))
            return
        response = deck.present_at(self._codes, rows, self._readout)
        self._on_chip = self._codes
        if self._gated is not None and response.gates is not None:
            self._codes = self._gated.update_from_gates(response.gates, labels, self._codes)
            return
        inputs = deck.constant_events(rows)
        seen = Observation(labels, inputs, response.plain, self._codes, response.plus, response.minus)
        codes = self._rule.update(seen)
        if self._budgeted is not None:
            codes = self._budgeted.limited(codes, response.plain)
        self._codes = codes

    def _probed(self, rule: ProbingRule, deck: Deck, rows: Int64Array, labels: Int64Array) -> Observation:
        seen = []
        for codes in rule.probes():
            seen.append(deck.present_at(codes, rows, self._readout).plain[-1])
            self._on_chip = codes
        return Observation(labels, deck.constant_events(rows), (), self._codes, probed=tuple(seen))

    def settle(self) -> None:
        move_from(self._chip, self._on_chip, self._codes)
        self._on_chip = self._codes

    def state_arrays(self) -> Mapping[str, NDArray[Any]]:
        state = self._rule.state()
        if self._budgeted is not None:
            state[ActivityWatch.STATE] = self._budgeted.watch.rank.copy()
        return state


class DeviceStepper:
    """The firmware computes; the host sends samples, labels and the rate. Its accumulators stay on the chip, so a
    resumed run starts over from the codes that the run began with."""

    resumable = False

    def __init__(self, chip: Chip, settings: DmnSettings) -> None:
        self._chip = chip
        self._rates = rates_q8(settings)
        self._queue: list[LearnBatch] = []
        chip.learn_start(learn_settings(settings, 0))

    @property
    def codes(self) -> ByteArray:
        self.settle()
        return self._chip.read_codes()[0]

    def step(self, deck: Deck, rows: Int64Array, labels: Int64Array, step: int) -> None:
        rate = self._rates[min(step, len(self._rates) - 1)]
        self._queue.append(LearnBatch(deck.loaded_slots(rows), labels, rate))
        # Steps need no answer of the host's, so they travel together; slots that are loaded anew each time cannot wait.
        if not deck.resident or len(self._queue) >= QUEUED_STEPS:
            self.settle()

    def settle(self) -> None:
        queue, self._queue = self._queue, []
        if queue:
            self._chip.learn_many(queue)

    def state_arrays(self) -> Mapping[str, NDArray[Any]]:
        return {}


def need(chip: Chip, capability: Capability, what: str) -> None:
    """UsageError where `chip` lacks `capability`, told as `what`."""
    if capability not in chip.info.capabilities:
        raise UsageError(
            f"this chip offers no {what}",
            evidence=f"capabilities {chip.info.capabilities!r}",
            next_step="see `nt-host info`, or choose another `--rule` or `--loop host`",
        )


def make_stepper(chip: Chip, image: Image, settings: AdaptSettings, n_steps: int, resume: Checkpoint | None) -> Stepper:
    """The stepper that `settings` ask for, at the chip's present codes.

    Args:
        n_steps: learning steps of the whole run, for the schedule of the rate.
        resume: checkpoint whose rule state is taken up.

    Raises:
        UsageError: the rule or one of its settings is unknown, or the chip lacks a capability.
    """
    entry = entry_named(settings.rule)
    values = rule_values(entry, chip, settings, n_steps)
    if settings.loop == "device":
        need(chip, Capability.DEVICE_LOOP, "learning loop of its own")
        chosen = settings_from(entry_named(DEVICE_RULE), values)
        return DeviceStepper(chip, chosen)
    if image.encoder.kind == "rate" and settings.rule != DEVICE_RULE:
        raise UsageError(
            f"rule '{settings.rule}' needs inputs that stay the same over the time steps",
            evidence="the image has a rate encoder",
            next_step=f"give `--rule {DEVICE_RULE}`",
        )
    codes = chip.read_codes()[0]
    rule = make_rule(settings.rule, image, codes, values)
    if isinstance(rule, ProbingRule) and isinstance(chip, BudgetedChip):
        raise UsageError(
            f"rule '{settings.rule}' tries codes of its own choice, past any power budget",
            evidence=f"budget {settings.power_budget_uw} uW",
            next_step="leave `--power-budget` out, or choose another `--rule`",
        )
    if rule.dither is not None:
        need(chip, Capability.DITHER, "dithered read-out")
    if rule.hidden_spikes and len(image.layers) > 1:
        need(chip, Capability.HIDDEN_SPIKES, "read-out of hidden spikes")
    if resume is not None:
        rule.restore(resume.rule_state)
    return HostStepper(chip, codes, rule)
