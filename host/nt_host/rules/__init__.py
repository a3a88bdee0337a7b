"""Learning rules by name; importing this package registers the ones that come with the tool."""

from nt_host.rules import additive, dmn, nt1, nt2, scores, surrogate
from nt_host.rules.base import Observation, Rule, RuleEntry, entries, entry_named, make_rule, register

__all__ = [
    "Observation",
    "Rule",
    "RuleEntry",
    "additive",
    "dmn",
    "entries",
    "entry_named",
    "make_rule",
    "nt1",
    "nt2",
    "register",
    "scores",
    "surrogate",
]
