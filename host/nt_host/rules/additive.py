"""Rule `additive`: the domain treated as a movable bias instead of a gain.

G = sum of e * window, without the factor r: right where a neuron is near its threshold (r is near 1 there), blind to
how strongly it is driven elsewhere."""

from __future__ import annotations

from functools import partial

from nt_host.rules.base import RuleEntry, register
from nt_host.rules.plain_error import PlainErrorKind, PlainErrorRule, PlainErrorSettings

KIND = PlainErrorKind("additive", gated=True, multiplies=False)

register(
    RuleEntry(
        name="additive",
        summary="the gain treated as an additive bias (baseline, host loop)",
        settings_type=PlainErrorSettings,
        build=partial(PlainErrorRule, KIND),
    )
)
