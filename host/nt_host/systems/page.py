"""Heading of the generated page on other systems: what is there, where the others are, what is lacking."""

from __future__ import annotations

from collections.abc import Sequence

SYSTEMS = frozenset({"elman-trec", "retention", "soft-lif"})
TITLE = "Other systems that the field measures itself against"
INTRO = (
    "Two of these systems are studied elsewhere: Monte Carlo of many chips under process variation is "
    "`nt-host montecarlo`, and in-the-loop learning that corrects mismatch is `nt-host experiment mismatch`, both "
    "in [calibration.md](calibration.md).",
    "Not done: the spiking equilibrium-propagation learner with its bias-only form. There is no command, no test and "
    "no figure for it.",
)


def is_systems_page(studies: Sequence[str]) -> bool:
    """Whether every study of `studies` (at least one) belongs to this page."""
    return bool(studies) and all(study in SYSTEMS for study in studies)
