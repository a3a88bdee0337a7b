"""`nt-host codes recall` from end to end: open the chip, try the code files, keep the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nt_host.codes_file import Leniency, codes_for, read_codes_file
from nt_host.connect import ChipOptions, connected
from nt_host.evaluate import encoded
from nt_host.in_force import CalibrationChoice, InForce, bring_into_force
from nt_host.jobs import DataChoice
from nt_host.library.recall import Recall, Stored, recall
from nt_model.errors import UsageError
from nt_model.image_file import read_image


@dataclass(frozen=True)
class RecallJob:
    """Which code `files` to try on which chip, with which labelled samples.

    Attributes:
        lenient: which code files of another origin to take.
        calibration: which one is in force.
        commit: persist the chosen codes on the chip.
    """

    chip: ChipOptions
    image: Path
    data: DataChoice
    files: tuple[Path, ...]
    lenient: Leniency = field(default_factory=Leniency)
    calibration: CalibrationChoice = field(default_factory=CalibrationChoice)
    commit: bool = False


@dataclass(frozen=True, eq=False)
class RecallReport:
    """What was tried on the chip `chip_uid` with `n_labels` labelled samples of `domain`."""

    domain: str
    chip_uid: str
    n_labels: int
    recall: Recall
    in_force: InForce


def _distinct(files: Sequence[Path]) -> None:
    if not files or len(set(files)) < len(files):
        raise UsageError(
            "a library is one code file or more, each named once",
            evidence=", ".join(map(str, files)) or "no file",
            next_step="give for example `nt-host codes recall runs/*/codes.toml`",
        )


def run_recall(
    job: RecallJob, on_candidate: Callable[[int, int, str], None] = lambda done, total, name: None
) -> RecallReport:
    """Try all files of `job`; the chip ends with the best codes, or with its own where none is better.

    Every file is read and checked before the first code is written; corrections may have been written.

    Raises:
        UsageError: no file, a file that does not belong to this chip and image, or data that do not fit.
        NtError: as `recall`.
    """
    _distinct(job.files)
    loaded = read_image(job.image)
    domain, split = job.data.split()
    x = encoded(loaded.image, split.labelled)
    snapshots = [read_codes_file(path) for path in job.files]
    with connected(job.chip, loaded) as chip:
        in_force = bring_into_force(chip, job.calibration, snapshots[0])
        library = [
            Stored(str(path), codes_for(snapshot, chip.info, in_force.units, job.lenient))
            for path, snapshot in zip(job.files, snapshots, strict=True)
        ]
        found = recall(chip, loaded.image, x, split.labelled.labels, library, on_candidate)
        if job.commit:
            chip.commit()
        return RecallReport(domain, chip.info.uid, len(split.labelled), found, in_force)
