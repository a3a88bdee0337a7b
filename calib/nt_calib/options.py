"""How much is measured, and how surely: the options of a calibration."""

from __future__ import annotations

from dataclasses import dataclass

from nt_model.errors import UsageError


@dataclass(frozen=True)
class Options:
    """Every default was chosen on chips of the `typical` and `wild` corners; docs/calibration.md tells how.

    Attributes:
        search_patterns: stimuli per layer whose crossing code is searched by noisy bisection, 3..255.
        search_rounds: steps of that bisection, 4..16.
        search_repeats: reads per step, 1..255.
        refine_patterns: stimuli per layer that are read at the code where the fit expects the crossing, 0..4095.
        refine_repeats: reads of each of them, 1..255.
        check_patterns: stimuli per layer for `check`, 1..255.
        seed: of the choice of stimuli.

    Raises:
        UsageError: a number lies outside its range.
    """

    search_patterns: int = 12
    search_rounds: int = 8
    search_repeats: int = 4
    refine_patterns: int = 64
    refine_repeats: int = 24
    check_patterns: int = 12
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("search_patterns", 3, 255),
            ("search_rounds", 4, 16),
            ("search_repeats", 1, 255),
            ("refine_patterns", 0, 4095),
            ("refine_repeats", 1, 255),
            ("check_patterns", 1, 255),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"calibration option {name} lies outside {low}..{high}", evidence=str(value))
