"""What a learning rule sees, what it gives back, and how rules are found by name.

A rule sees labels, the spikes that the chip showed and the present codes. It never sees the silicon's own numbers,
and it gives back absolute codes: writing the same codes twice is harmless, a lost write can be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Dither
from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
RuleState = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Observation:
    """One batch as the chip showed it, B samples.

    Attributes:
        labels: (B,) int64, class of each sample.
        inputs: (B, M) uint8, events presented in each time step.
        plain: spike counts over T steps, one (B, N) uint8 per layer, hidden layers first. A rule that does not need
            hidden spikes is given the last layer alone; rule `dmn`, which needs none, is given none.
        plus: the same at code + d, each layer with the plain spikes below as its inputs; empty without dither.
        minus: the same at code - d.
        codes: (n_codes,) uint8, codes at which the batch was presented.
        probed: output spike counts (B, N) uint8 at each of the codes that a `ProbingRule` asked for; such a rule is
            given no `plain` spikes.
    """

    labels: NDArray[np.int64]
    inputs: ByteArray
    plain: tuple[ByteArray, ...]
    codes: ByteArray
    plus: tuple[ByteArray, ...] = ()
    minus: tuple[ByteArray, ...] = ()
    probed: tuple[ByteArray, ...] = ()


@runtime_checkable
class Rule(Protocol):
    """A learning rule with its state.

    Attributes:
        name: word by which the rule is chosen.
        dither: offsets of the dithered read-out that it needs; None where plain spikes are enough.
        hidden_spikes: whether it needs the spikes of hidden layers.
    """

    name: str
    dither: Dither | None
    hidden_spikes: bool

    def update(self, observation: Observation) -> ByteArray:
        """Learn from one batch and return the new absolute codes, (n_codes,) uint8."""
        ...

    def state(self) -> RuleState:
        """Arrays that hold everything the rule has learned; restoring them resumes to the bit."""
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take back what ``state`` gave; UsageError where an array is missing or has another shape."""
        ...


@runtime_checkable
class ProbingRule(Rule, Protocol):
    """A rule that learns from what the outputs do at codes of its own choice, not at the present ones."""

    def probes(self) -> tuple[ByteArray, ...]:
        """Codes at which the next batch is to be presented, each (n_codes,) uint8, within the rule's limits."""
        ...


class Remembering:
    """State of a rule as arrays: ``remembers`` names them, and each is the attribute of that name behind a ``_``."""

    remembers: ClassVar[tuple[str, ...]]

    def state(self) -> RuleState:
        """See ``Rule.state``."""
        return {name: getattr(self, f"_{name}").copy() for name in self.remembers}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See ``Rule.restore``; what does not fit changes nothing."""
        found = {name: taken(state, name, getattr(self, f"_{name}")) for name in self.remembers}
        for name, array in found.items():
            setattr(self, f"_{name}", array)


@dataclass(frozen=True)
class RuleEntry:
    """A registered rule: how to build it, and the frozen dataclass of its settings."""

    name: str
    summary: str
    settings_type: type[Any]
    build: Callable[[Image, ByteArray, Any], Rule]


_ENTRIES: dict[str, RuleEntry] = {}


def register(entry: RuleEntry) -> None:
    """Make a rule known; a second rule of the same name is a programming error (ValueError)."""
    if entry.name in _ENTRIES:
        raise ValueError(f"two rules are called '{entry.name}'")
    _ENTRIES[entry.name] = entry


def entries() -> tuple[RuleEntry, ...]:
    """All registered rules in alphabetical order."""
    return tuple(_ENTRIES[name] for name in sorted(_ENTRIES))


def entry_named(name: str) -> RuleEntry:
    """The rule called ``name``; UsageError lists the known ones otherwise."""
    if name not in _ENTRIES:
        known = ", ".join(sorted(_ENTRIES))
        raise UsageError(f"no rule is called '{name}'", evidence=f"known rules: {known}", next_step="--rule dmn")
    return _ENTRIES[name]


def settings_from(entry: RuleEntry, values: Mapping[str, float | int | str]) -> Any:
    """Settings of a rule with ``values`` in place of defaults.

    UsageError for a name that the rule does not have, and for a number that is not finite or not whole where the
    setting is a whole number.
    """
    known = {field.name: field.default for field in fields(entry.settings_type)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(
            f"rule '{entry.name}' has no setting '{unknown[0]}'", evidence=f"its settings: {', '.join(sorted(known))}"
        )
    for name, value in values.items():
        if isinstance(known[name], int) and not isinstance(value, int):
            raise UsageError(f"rule setting '{name}' must be a whole number", evidence=f"{value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"rule setting '{name}' must be a finite number", evidence=f"{value!r}")
    return entry.settings_type(**values)


def make_rule(name: str, image: Image, codes: ByteArray, values: Mapping[str, float | int | str] | None = None) -> Rule:
    """Build rule ``name`` for ``image``, starting from ``codes`` (n_codes,) uint8."""
    entry = entry_named(name)
    if codes.dtype != np.uint8 or codes.shape != (image.n_codes,):
        raise UsageError(
            "the starting codes do not fit the image",
            evidence=f"{codes.dtype} {codes.shape}, expected uint8 ({image.n_codes},)",
        )
    return entry.build(image, codes, settings_from(entry, values or {}))


def taken(state: Mapping[str, NDArray[Any]], name: str, like: NDArray[Any]) -> NDArray[Any]:
    """Copy of ``state[name]``; UsageError where it is missing or differs from ``like`` in shape or dtype."""
    if name not in state:
        raise UsageError(f"the saved rule state has no '{name}'", evidence=f"it holds {', '.join(sorted(state))}")
    array = np.asarray(state[name])
    if array.shape != like.shape or array.dtype != like.dtype:
        raise UsageError(
            f"'{name}' in the saved rule state does not fit this rule",
            evidence=f"{array.dtype} {array.shape}, expected {like.dtype} {like.shape}",
        )
    kept: NDArray[Any] = array.copy()
    return kept


def require_positive(**values: float) -> None:
    """UsageError for the first setting that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise UsageError(f"rule setting '{name}' must be above 0", evidence=f"{value!r}")


def require_code_rate(rate_code: float) -> None:
    """UsageError for a first move that is none, or crosses half the range of codes at once."""
    if not 0 < rate_code <= 128:
        raise UsageError("rule setting 'rate_code' lies outside 0 < codes <= 128", evidence=f"{rate_code!r}")


def require_share(**values: float) -> None:
    """UsageError for the first setting that is no share of a whole, 0 < share <= 1."""
    for name, value in values.items():
        if not 0 < value <= 1:
            raise UsageError(f"rule setting '{name}' lies outside 0 < share <= 1", evidence=f"{value!r}")


def require_decay(**values: float) -> None:
    """UsageError for the first setting that is no decay of a running mean, 0 <= decay < 1."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UsageError(f"rule setting '{name}' lies outside 0 <= decay < 1", evidence=f"{value!r}")


def require_code_range(code_min: int, code_max: int) -> None:
    """UsageError unless both are codes and the first is not the larger one."""
    if not 0 <= code_min <= code_max <= 255:
        raise UsageError("rule settings need 0 <= code_min <= code_max <= 255")


def require_seed(seed: int) -> None:
    """UsageError for a seed below 0."""
    if seed < 0:
        raise UsageError("rule setting 'seed' is below 0", evidence=f"{seed!r}")
