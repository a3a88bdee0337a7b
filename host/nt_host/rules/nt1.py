"""Rule `nt1`: the paper's rule, error = target - output and a derivative of 1 everywhere.

G = mean of e * r: with sigma = 1 nothing tells a neuron near its threshold from one that no gain can move
(Barton et al. 2022, doi 10.3390/jlpea12040059). Equations and widths: `plain_error`.
"""

from __future__ import annotations

from nt_host.rules.plain_error import PlainErrorKind, register_kind

register_kind(
    PlainErrorKind("nt1", gated=False, multiplies=True),
    "the paper's rule: target - output, derivative 1 (baseline, host loop)",
)
