"""One line of the benchmark's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured.

    Attributes:
        figure: what it is, with its peer where it is a ratio.
        value: measured.
        unit: "x" of a ratio, "%", "ms", "us", "MB".
        target: what the value should at least be (at most, where `lower_is_better`); None without a target.
        detail: times behind a ratio, as text.
    """

    figure: str
    value: float
    unit: str
    target: float | None = None
    lower_is_better: bool = False
    detail: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.lower_is_better else self.value >= self.target

    @property
    def verdict(self) -> str:
        return {None: "", True: "met", False: "missed"}[self.is_met]

    @property
    def value_text(self) -> str:
        digits = 0 if self.value >= 100 else 1 if self.value >= 10 else 2
        return f"{self.value:,.{digits}f} {self.unit}"

    @property
    def target_text(self) -> str:
        return "" if self.target is None else f"{'<=' if self.lower_is_better else '>='} {self.target:g} {self.unit}"


def milliseconds(**times_s: float) -> str:
    """Times as text, such as "ours 1.23 ms, float32 45.6 ms"."""
    return ", ".join(f"{name.replace('_', ' ')} {1e3 * time:.3g} ms" for name, time in times_s.items())
