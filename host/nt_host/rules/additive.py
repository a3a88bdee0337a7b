"""Rule `additive`: the domain treated as a movable bias instead of a gain.

G = mean of e * window, without the factor r: right where a neuron is near its threshold (r is near 1 there), blind to
how strongly it is driven elsewhere. Equations and widths: `plain_error`.
"""

from __future__ import annotations

from nt_host.rules.plain_error import PlainErrorKind, register_kind

register_kind(
    PlainErrorKind("additive", gated=True, multiplies=False),
    "the gain treated as an additive bias (baseline, host loop)",
)
