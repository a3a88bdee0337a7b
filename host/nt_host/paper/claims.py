"""What of the paper's tables could be verified, and how a measured trend is held against it.

The paper's accuracies are in no source that could be read here; none is written down from memory. Verified are the
abstract (NT about as good as full fine-tuning with four orders of magnitude fewer parameters, feed-forward and spiking;
doi 10.3390/jlpea12040059), the parameter counts of tables 3, 5 and 8 (given with this project's task and derived in
`counts`), and from the published review of the paper (mdpi.com/2079-9268/12/4/59/review_report) that it holds changing
a bias directly to work well in spiking networks, and that learning rates were varied in its first version, batch sizes
asked for by a reviewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nt_host.paper.cells import Spread

NOT_HERE = "not available here"
COMPARABLE = 0.02
"""Two means are called level where they differ by at most 2 points, or by no more than the larger spread of the two."""

LEVEL_IS = (
    f"Means are called level where they differ by at most {100 * COMPARABLE:.0f} points, or by no more than the larger "
    "of their two standard deviations."
)
COMPARABLE_CLAIM = "the abstract's claim that NT is about as good as full fine-tuning"


@dataclass(frozen=True)
class Pair:
    """One task's two ways: the one that is claimed to hold up, and what it is held against."""

    task: str
    claimed: Spread
    against: Spread

    @property
    def margin(self) -> float:
        """Difference of means up to which the two count as level."""
        return max(COMPARABLE, self.claimed.deviation, self.against.deviation)

    @property
    def difference(self) -> float:
        """Mean of the claimed one minus the other's, as a share."""
        return self.claimed.mean - self.against.mean

    @property
    def words(self) -> str:
        """Task and difference in points."""
        return f"{self.task} ({100 * self.difference:+.1f} points)"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`; `none` where there is nothing."""
    if len(items) < 2:
        return items[0] if items else "none"
    return f"{', '.join(items[:-1])} and {items[-1]}"


def holds_up(claim: str, pairs: Sequence[Pair]) -> str:
    """Sentence: on which tasks the claimed way is level or better, and on which it falls behind."""
    agrees = [each.words for each in pairs if each.difference >= -each.margin]
    fails = [each.words for each in pairs if each.difference < -each.margin]
    parts = [f"The trend agrees with {claim} on {listed(agrees)}"] if agrees else []
    if fails:
        start = "it does not agree" if parts else f"The trend does not agree with {claim}"
        parts.append(f"{start} on {listed(fails)}")
    return f"{'; '.join(parts)}."


def apart(first: str, second: str, pairs: Sequence[Pair]) -> str:
    """Sentence without a claim: where `first` is ahead of `second`, level, or behind."""
    groups = (
        (f"{first} is ahead of {second} on", [each.words for each in pairs if each.difference > each.margin]),
        ("level on", [each.words for each in pairs if abs(each.difference) <= each.margin]),
        ("behind on", [each.words for each in pairs if each.difference < -each.margin]),
    )
    return f"Measured: {'; '.join(f'{words} {listed(names)}' for words, names in groups)}."
