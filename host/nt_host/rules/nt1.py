"""Rule `nt1`: the paper's rule, error = target - output and a derivative of 1 everywhere.

G = sum of e * r: with sigma = 1 nothing tells a neuron near its threshold from one that no gain can move
(Barton et al. 2022, doi 10.3390/jlpea12040059)."""

from __future__ import annotations

from functools import partial

from nt_host.rules.base import RuleEntry, register
from nt_host.rules.plain_error import PlainErrorKind, PlainErrorRule, PlainErrorSettings

KIND = PlainErrorKind("nt1", gated=False, multiplies=True)

register(
    RuleEntry(
        name="nt1",
        summary="the paper's rule: target - output, derivative 1 (baseline, host loop)",
        settings_type=PlainErrorSettings,
        build=partial(PlainErrorRule, KIND),
    )
)
