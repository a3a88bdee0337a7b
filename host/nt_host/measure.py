"""Measure a chip without changing it, or after loading the codes of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nt_host.codes_file import Leniency, codes_for, read_codes_file
from nt_host.connect import ChipOptions, connected
from nt_host.energy.estimate import InferenceEnergy, estimate_inference
from nt_host.evaluate import encoded, evaluate_with_activity
from nt_host.in_force import CalibrationChoice, InForce, bring_into_force
from nt_host.jobs import DataChoice
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_model.image_file import read_image


@dataclass(frozen=True)
class Measured:
    """Accuracy of the chip `chip_uid` on the test part of `domain`, with the calibration `in_force`, and the estimated
    energy of an inference; None where the chip does not show what the estimate needs."""

    domain: str
    chip_uid: str
    accuracy: Accuracy
    in_force: InForce
    energy: InferenceEnergy | None


def measure_job(
    options: ChipOptions,
    image: Path,
    data: DataChoice,
    codes: Path | None = None,
    lenient: Leniency = Leniency(),
    calibration: CalibrationChoice = CalibrationChoice(),
) -> Measured:
    """Accuracy on the test part of the domain.

    Args:
        codes: code file to load first; None measures the codes on the chip.
        lenient: which code files of another origin to take.
        calibration: which one is in force.
    """
    loaded = read_image(image)
    domain, split = data.split()
    x = encoded(loaded.image, split.test)
    snapshot = None if codes is None else read_codes_file(codes)
    with connected(options, loaded) as chip:
        in_force = bring_into_force(chip, calibration, snapshot)
        if snapshot is not None:
            move_codes(chip, codes_for(snapshot, chip.info, in_force.units, lenient))
        found, activity = evaluate_with_activity(chip, loaded.image, x, split.test.labels)
        energy = None if activity is None else estimate_inference(loaded.image, chip.read_codes()[0], activity)
        return Measured(domain, chip.info.uid, found, in_force, energy)
