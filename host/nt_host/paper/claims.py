"""What of the paper's tables could be verified, and how a measured trend is held against it.

The paper's accuracies are in no source that could be read here; none is written down from memory. Verified are the
abstract (NT about as good as full fine-tuning with four orders of magnitude fewer parameters, feed-forward and spiking;
doi 10.3390/jlpea12040059), the parameter counts of tables 3, 5 and 8 (given with this project's task and derived in
`counts`), and from the published review of the paper (mdpi.com/2079-9268/12/4/59/review_report) that it holds changing
a bias directly to work well in spiking networks, and that learning rates were varied in its first version, batch sizes
asked for by a reviewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nt_host.paper.cells import Spread
from nt_host.spread import mean_and_spread

NOT_HERE = "not available here"
COMPARABLE = 0.02
STANDARD_ERRORS = 2
LEVEL_IS = (
    f"Two ways are called level where their means differ by at most {100 * COMPARABLE:.0f} points, undecided where "
    f"they differ by more, but by at most {STANDARD_ERRORS} standard errors of the difference run by run (in a run "
    "both ways see the same samples)."
)
UNKNOWN = "The paper's accuracies are not available here, so no agreement can be claimed."
SOURCES = (
    "The paper's accuracies could not be verified from any source that can be read here, so they are left out: *not "
    "available here*. Known are its abstract, which calls NT comparable with full fine-tuning (TFT) at four orders of "
    "magnitude fewer tuned parameters; the parameter counts of tables 3, 5 and 8; and its published review."
)
COMPARABLE_CLAIM = "the abstract's claim that NT is about as good as full fine-tuning"


@dataclass(frozen=True)
class Pair:
    """One task's two ways: the one that is claimed to hold up, and what it is held against."""

    task: str
    claimed: Spread
    against: Spread

    @property
    def verdict(self) -> str:
        """`ahead`, `level`, `undecided` or `behind`: the claimed way against the other (see `LEVEL_IS`)."""
        by_run = [mine - other for mine, other in zip(self.claimed.runs, self.against.runs, strict=True)]
        error = mean_and_spread(by_run)[1] / math.sqrt(len(by_run))
        if abs(self.difference) <= COMPARABLE:
            return "level"
        if abs(self.difference) <= STANDARD_ERRORS * error:
            return "undecided"
        return "ahead" if self.difference > 0 else "behind"

    @property
    def difference(self) -> float:
        """Mean of the claimed one minus the other's, as a share."""
        return self.claimed.mean - self.against.mean

    @property
    def words(self) -> str:
        """Task and difference in points."""
        # Adding 0 turns -0.0 into 0.0.
        return f"{self.task} ({round(100 * self.difference, 1) + 0.0:+.1f} points)"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`; `none` where there is nothing."""
    if len(items) < 2:
        return items[0] if items else ""
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _named(pairs: Sequence[Pair], verdict: str) -> str:
    """Tasks of that verdict, listed."""
    return listed([each.words for each in pairs if each.verdict == verdict])


def _joined(parts: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{words} {names}" for words, names in parts if names)


def holds_up(claim: str, pairs: Sequence[Pair]) -> str:
    """Sentence: on which tasks the claimed way is level or better, on which undecided, and on which it falls behind."""
    holds = [each for each in pairs if each.difference > 0 or each.verdict == "level"]
    rest = [each for each in pairs if each not in holds]
    parts = (
        ("agrees on", listed([each.words for each in holds])),
        ("undecided on", _named(rest, "undecided")),
        ("does not agree on", _named(rest, "behind")),
    )
    return f"The trend, held against {claim}: {_joined(parts)}."


def apart(first: str, second: str, pairs: Sequence[Pair]) -> str:
    """Sentence without a claim: where `first` is ahead of `second`, level with it, or behind."""
    parts = (
        (f"ahead of {second} on", _named(pairs, "ahead")),
        (f"level with {second} on", _named(pairs, "level")),
        ("undecided on", _named(pairs, "undecided")),
        (f"behind {second} on", _named(pairs, "behind")),
    )
    return f"{first} is {_joined(parts)}."
