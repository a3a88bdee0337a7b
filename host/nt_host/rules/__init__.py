"""Learning rules by name; importing this package registers the ones that come with the tool."""

from nt_host.rules import additive, ballot, dmn, nt1, nt2, surrogate
from nt_host.rules.base import Observation, Rule, RuleEntry, entries, entry_named, make_rule, register

__all__ = [
    "Observation",
    "Rule",
    "RuleEntry",
    "additive",
    "ballot",
    "dmn",
    "entries",
    "entry_named",
    "make_rule",
    "nt1",
    "nt2",
    "register",
    "surrogate",
]
