"""Where calibrations lie: a folder per chip and image, a file per calibration, the latest being the last by number."""

from __future__ import annotations

import os
from pathlib import Path

from nt_calib.calibration_file import read_calibration, require_owner, write_calibration
from nt_calib.result import Calibration
from nt_model.errors import UsageError

SUFFIX = ".ntcal"
JOURNAL_NAME = "journal.jsonl"
LAST_NUMBER = 9999


def default_folder() -> Path:
    """The user's own store: in XDG_DATA_HOME, else in ~/.local/share."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "share") / "nt-host" / "calibrations"


class CalibrationStore:
    """Calibrations in `root`. Files are only ever added: what was once measured stays for comparison.

    A file is named by a running number and its date, so the latest needs no second file that could disagree.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, uid: str, image_digest: str) -> Path:
        """Folder of the chip `uid` (16 hexadecimal digits) with the image `image_digest` (64)."""
        return self.root / uid / image_digest[:16]

    def paths(self, uid: str, image_digest: str) -> list[Path]:
        """All calibrations of that chip with that image, oldest first."""
        return sorted(self.folder(uid, image_digest).glob(f"[0-9][0-9][0-9][0-9]-*{SUFFIX}"))

    def latest_path(self, uid: str, image_digest: str) -> Path | None:
        """The newest calibration, None where there is none."""
        found = self.paths(uid, image_digest)
        return found[-1] if found else None

    def latest(self, uid: str, image_digest: str) -> tuple[Path, Calibration]:
        """The newest calibration, read and seen to belong there.

        Raises:
            UsageError: there is none, or it cannot be used, see `read_calibration` and `require_owner`; an older one
                is never taken in its place.
        """
        path = self.latest_path(uid, image_digest)
        if path is None:
            raise UsageError(
                "this chip has not been calibrated with this image",
                evidence=f"nothing in {self.folder(uid, image_digest)}",
                next_step="calibrate it with `nt-host calibrate`, or name another `--calibration-dir`",
            )
        calibration = read_calibration(path)
        require_owner(calibration, uid, image_digest)
        return path, calibration

    def keep(self, calibration: Calibration) -> Path:
        """Write `calibration` as the latest; gives its path. Raises as `write_calibration`."""
        folder = self._made(calibration.uid, calibration.image_digest)
        last = self.latest_path(calibration.uid, calibration.image_digest)
        number = 1 if last is None else int(last.name.partition("-")[0]) + 1
        stamp = "".join(char for char in calibration.date.partition("+")[0] if char.isalnum())
        if number > LAST_NUMBER:
            raise UsageError(
                "the folder of calibrations is full",
                evidence=f"{folder} holds number {LAST_NUMBER}",
                next_step="move its old files elsewhere",
            )
        path = folder / f"{number:04d}-{stamp}{SUFFIX}"
        write_calibration(path, calibration)
        return path

    def journal_path(self, uid: str, image_digest: str) -> Path:
        """Where the journal of a measurement under way lies; its folder is made."""
        return self._made(uid, image_digest) / JOURNAL_NAME

    def _made(self, uid: str, image_digest: str) -> Path:
        folder = self.folder(uid, image_digest)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                "the folder of calibrations cannot be made",
                evidence=str(error),
                next_step="name a folder that you can write with `--calibration-dir`",
            ) from error
        return folder
