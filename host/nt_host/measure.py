"""Measure a chip without changing it, or after loading the codes of a file."""

from __future__ import annotations

from pathlib import Path

from nt_host.codes_file import codes_for, read_codes_file
from nt_host.connect import ChipOptions, connected
from nt_host.evaluate import encoded, evaluate_events
from nt_host.jobs import DataChoice
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_model.image_file import read_image


def measure_job(
    options: ChipOptions, image: Path, data: DataChoice, codes: Path | None = None, any_chip: bool = False
) -> tuple[str, str, Accuracy]:
    """(domain, chip UID, accuracy) on the test part of the domain.

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
        return domain, chip.info.uid, evaluate_events(chip, loaded.image, x, split.test.labels)
