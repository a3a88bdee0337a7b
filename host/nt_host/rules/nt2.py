"""Rule `nt2`: the multiplicative gain rule with a surrogate derivative.

G = sum of e * window * r: the gradient of a squared error by the log gain, with the triangular window on the estimated
membrane in place of the spike's derivative, in the hidden layers and at the output."""

from __future__ import annotations

from functools import partial

from nt_host.rules.base import RuleEntry, register
from nt_host.rules.plain_error import PlainErrorKind, PlainErrorRule, PlainErrorSettings

KIND = PlainErrorKind("nt2", gated=True, multiplies=True)

register(
    RuleEntry(
        name="nt2",
        summary="as nt1 with a surrogate derivative on estimated membranes (baseline, host loop)",
        settings_type=PlainErrorSettings,
        build=partial(PlainErrorRule, KIND),
    )
)
