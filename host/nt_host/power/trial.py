"""One adaptation of the shipped digits image under a power setting: what it saved and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip, Readout, Response
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.connect import ChipOptions, connected
from nt_host.energy.estimate import estimate_inference
from nt_host.evaluate import encoded, evaluate_with_activity
from nt_host.images import packaged_image
from nt_host.power.budget import ByteArray, ChipProxy
from nt_host.tasks import load_task, split_target
from nt_model.energy import standing_power
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.image_file import read_image

CORNER = "typical"
TASK = "digits"


@dataclass(frozen=True)
class Setting:
    """A named way to save power: `budget_uw` as `--power-budget` (0: none), `park` as `--park-silent`."""

    name: str
    budget_uw: float = 0.0
    park: bool = False


@dataclass(frozen=True)
class Trial:
    """One seed under one setting: test accuracies 0..1 after adaptation, standing power of all and of the reference
    branches alone, energy of an inference, domains at the lowest code, and the highest power after any write once the
    budget was reached (0 without a budget)."""

    setting: str
    seed: int
    argmax: float
    strict: float
    standing_uw: float
    reference_uw: float
    inference_nj: float
    lowest_codes: int
    highest_uw: float


class _PowerMeter(ChipProxy):
    def __init__(self, chip: Chip, image: Image, limit_uw: float) -> None:
        super().__init__(chip)
        self._image = image
        self._limit_uw = limit_uw
        self.highest_uw = 0.0
        self._is_inside = False

    def write_codes(self, codes: ByteArray) -> int:
        revision = super().write_codes(codes)
        self._see(codes)
        return revision

    def write_and_present(self, codes: ByteArray, slots: NDArray[np.int64], readout: Readout) -> Response:
        response = super().write_and_present(codes, slots, readout)
        self._see(codes)
        return response

    def _see(self, codes: ByteArray) -> None:
        power_uw = standing_power(self._image, codes).total_uw
        self._is_inside = self._is_inside or power_uw <= self._limit_uw
        if self._is_inside:
            self.highest_uw = max(self.highest_uw, power_uw)


def run_trial(setting: Setting, seed: int) -> Trial:
    """Adapt a fresh simulated chip of `seed` to the tilted camera, over the wire; raises as `adapt`."""
    loaded = read_image(packaged_image(TASK))
    task = load_task(TASK, None)
    split = split_target(task.targets[0], task.labels_per_class, seed)
    x, x_test = encoded(loaded.image, split.labelled), encoded(loaded.image, split.test)
    settings = replace(AdaptSettings(seed=seed), power_budget_uw=setting.budget_uw, park_silent=setting.park)
    with connected(ChipOptions(f"sim:{CORNER},seed={seed}"), loaded) as opened:
        chip = _PowerMeter(opened, loaded.image, setting.budget_uw)
        codes = adapt(chip, loaded.image, x, split.labelled.labels, settings).codes
        found, activity = evaluate_with_activity(chip, loaded.image, x_test, split.test.labels)
    if activity is None:
        raise UsageError("the chip does not show its hidden spikes", next_step="use a simulated chip")
    energy = estimate_inference(loaded.image, codes, activity)
    return Trial(
        setting.name,
        seed,
        found.argmax,
        found.strict,
        energy.standing_uw,
        standing_power(loaded.image, codes).reference_uw,
        energy.array_nj,
        int((codes == 0).sum()),
        chip.highest_uw,
    )
