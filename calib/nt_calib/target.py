"""Is a calibration good enough, and which neurons are not, at which boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nt_calib.judge import Figures, figures_of
from nt_calib.result import Calibration
from nt_calib.verdict import MEANINGS, Verdict
from nt_model.errors import TargetNotMetError

FINE_SIGMA = 0.0037
"""Half a DAC code at code 128, ln of the nominal gain: a spread below it is as even as codes can set it, whatever the
spread was before."""


@dataclass(frozen=True)
class Target:
    """Bounds of a good calibration.

    Attributes:
        max_sigma_ratio: of the trimmed spread of ln gain after over before.
        min_calibrated: share of the neurons that are calibrated, 0..1.
    """

    max_sigma_ratio: float = 0.1
    min_calibrated: float = 0.95

    def shortfalls(self, figures: Figures) -> tuple[str, ...]:
        """What misses the target, in words; empty where nothing does."""
        found = []
        even = figures.sigma_after <= max(FINE_SIGMA, self.max_sigma_ratio * figures.sigma_before)
        if not even:  # Also where there is no figure at all.
            found.append(
                f"trimmed sigma after/before is {figures.ratio:.3f}, at most {self.max_sigma_ratio:g} is asked for"
            )
        if figures.calibrated < self.min_calibrated * figures.neurons:
            share = figures.calibrated / max(1, figures.neurons)
            found.append(
                f"{100 * share:.1f} % of the neurons are calibrated, {100 * self.min_calibrated:.1f} % are asked for"
            )
        return tuple(found)

    def shortfalls_of(self, calibration: Calibration) -> tuple[str, ...]:
        """`shortfalls` of the figures of `calibration`."""
        return self.shortfalls(figures_of(calibration))

    def require(self, calibration: Calibration) -> None:
        """TargetNotMetError where `calibration` misses the target."""
        missed = self.shortfalls_of(calibration)
        if missed:
            raise TargetNotMetError(
                "the calibration misses its target",
                evidence="; ".join(missed),
                next_step="look at the pictures of `nt-host calibrate --report FOLDER`; more `--set refine_repeats=48` "
                "helps against noise, nothing helps dead neurons",
            )


@dataclass(frozen=True)
class FailedNeuron:
    """Neuron `neuron` of layer `layer` is not calibrated: `verdict`, and the boundary that it hit in words."""

    layer: int
    neuron: int
    verdict: Verdict

    @property
    def boundary(self) -> str:
        return MEANINGS[self.verdict]

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "layer": self.layer,
            "neuron": self.neuron,
            "verdict": self.verdict.name.lower(),
            "boundary": self.boundary,
        }


def failed_neurons(calibration: Calibration) -> tuple[FailedNeuron, ...]:
    """All neurons that are not calibrated, in order."""
    return tuple(
        FailedNeuron(index, int(neuron), Verdict(int(layer.verdict[neuron])))
        for index, layer in enumerate(calibration.layers)
        for neuron in np.flatnonzero(~layer.success)
    )
