"""Rule `nt2`: the multiplicative gain rule with a surrogate derivative.

G = mean of e * window * r: the gradient of a squared error by the log gain, with the triangular window on the estimated
membrane in place of the spike's derivative, in the hidden layers and at the output. Equations and widths:
`plain_error`.
"""

from __future__ import annotations

from nt_host.rules.plain_error import PlainErrorKind, register_kind

register_kind(
    PlainErrorKind("nt2", gated=True, multiplies=True),
    "as nt1 with a surrogate derivative on estimated membranes (baseline, host loop)",
)
