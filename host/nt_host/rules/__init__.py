"""Learning rules by name; importing this package registers the ones that come with the tool."""

from nt_host.rules import additive, ballot, discriminant, dmn, feedback, nt1, nt2, perturb, scores, surrogate
from nt_host.rules.base import Observation, ProbingRule, Rule, RuleEntry, entries, entry_named, make_rule, register

__all__ = [
    "Observation",
    "ProbingRule",
    "Rule",
    "RuleEntry",
    "additive",
    "ballot",
    "discriminant",
    "dmn",
    "entries",
    "entry_named",
    "feedback",
    "make_rule",
    "nt1",
    "nt2",
    "perturb",
    "register",
    "scores",
    "surrogate",
]
