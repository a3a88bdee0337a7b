"""Measure a chip without changing it, or after loading the codes of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nt_host.codes_file import codes_for, read_codes_file
from nt_host.connect import ChipOptions, connected
from nt_host.energy.estimate import InferenceEnergy, estimate_inference
from nt_host.evaluate import encoded, evaluate_with_activity
from nt_host.jobs import DataChoice
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_model.image_file import read_image


@dataclass(frozen=True)
class Measurement:
    """Accuracy on the test part of `domain`, and the estimated energy of an inference; None where the chip does not
    show what the estimate needs."""

    domain: str
    chip_uid: str
    accuracy: Accuracy
    energy: InferenceEnergy | None


def measure_job(
    options: ChipOptions, image: Path, data: DataChoice, codes: Path | None = None, any_chip: bool = False
) -> Measurement:
    """Measure a chip on the test part of a domain.

    Args:
        codes: code file to load first; None measures the codes on the chip.
        any_chip: take a code file of another chip with the same image.
    """
    loaded = read_image(image)
    domain, split = data.split()
    x = encoded(loaded.image, split.test)
    with connected(options, loaded) as chip:
        if codes is not None:
            move_codes(chip, codes_for(read_codes_file(codes), chip.info, any_chip=any_chip))
        found, activity = evaluate_with_activity(chip, loaded.image, x, split.test.labels)
        energy = None if activity is None else estimate_inference(loaded.image, chip.read_codes()[0], activity)
        return Measurement(domain, chip.info.uid, found, energy)
