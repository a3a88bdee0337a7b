"""What a run cost by the energy model: per inference, and per learning step where there was learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_host.energy.digital import inference_energy, tuning_step_energy, update_energy_nj
from nt_model.energy import Activity, SampleEnergy, code_write_fj, sample_energy, standing_power
from nt_model.image import Image

NANO_PER_FEMTO = 1e-6
DITHERED_PASSES = 3
"""Read-outs, and writes of all codes, of a step with dither: at code + d, at code - d, and at the codes themselves."""


@dataclass(frozen=True)
class InferenceEnergy:
    """One inference: the array by part and its standing power, and the same network on a CPU and on a GPU."""

    sample: SampleEnergy
    standing_uw: float
    sample_us: float
    cpu_nj: float
    gpu_nj: float

    @property
    def array_nj(self) -> float:
        return self.sample.total_fj * NANO_PER_FEMTO

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "array_nj": self.array_nj,
            "array_fj_by_part": asdict(self.sample),
            "standing_power_uw": self.standing_uw,
            "sample_us": self.sample_us,
            "cpu_nj": self.cpu_nj,
            "gpu_nj": self.gpu_nj,
        }


@dataclass(frozen=True)
class StepEnergy:
    """One learning step: read-outs and code writes on the array, the update's arithmetic on a CPU's integers, and a
    step of full fine-tuning on as many samples on a CPU and on a GPU, nanojoule."""

    array_nj: float
    update_nj: float
    cpu_nj: float
    gpu_nj: float

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def estimate_inference(image: Image, codes: NDArray[np.uint8], activity: Activity) -> InferenceEnergy:
    """Energy of an inference at `codes` (n_codes,) uint8 with the spikes of `activity`."""
    digital = inference_energy(image)
    return InferenceEnergy(
        sample_energy(image, codes, activity),
        standing_power(image, codes).total_uw,
        activity.sample_s * 1e6,
        digital.cpu_nj,
        digital.gpu_nj,
    )


def estimate_step(image: Image, inference: InferenceEnergy, batch_size: int, dithered: bool) -> StepEnergy:
    """Energy of a learning step on `batch_size` samples; the dithered read-outs are counted at the codes themselves."""
    passes = DITHERED_PASSES if dithered else 1
    array_nj = passes * (batch_size * inference.array_nj + code_write_fj(image.n_codes) * NANO_PER_FEMTO)
    digital = tuning_step_energy(image, batch_size)
    return StepEnergy(array_nj, update_energy_nj(image, batch_size), digital.cpu_nj, digital.gpu_nj)


def energy_lines(inference: InferenceEnergy | None, step: StepEnergy | None = None) -> Sequence[tuple[str, str]]:
    """(what, text) for the terminal; says so where nothing could be estimated."""
    if inference is None:
        return [("energy", "not estimated: this chip does not show its hidden spikes")]
    array, cpu, gpu = f"{inference.array_nj:,.1f} nJ", f"{inference.cpu_nj:,.0f} nJ", f"{inference.gpu_nj:,.0f} nJ"
    lines = [
        ("standing power", f"{inference.standing_uw:,.0f} uW (estimate)"),
        ("energy / inference", f"{array} (estimate; CPU {cpu}, GPU {gpu})"),
    ]
    if step is not None:
        array, update = f"{step.array_nj / 1e3:,.2f} uJ", f"{step.update_nj / 1e3:,.1f} uJ"
        cpu, gpu = f"{step.cpu_nj / 1e3:,.0f} uJ", f"{step.gpu_nj / 1e3:,.0f} uJ"
        told = f"{array} and {update} of arithmetic (estimate; all weights: CPU {cpu}, GPU {gpu})"
        lines.append(("energy / step", told))
    return lines
