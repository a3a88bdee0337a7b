"""Recordings that are not part of this project: found in the folder that NT_DATA_DIR names."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import EnvironmentMissingError, UsageError

DATA_DIR_VARIABLE = "NT_DATA_DIR"


@dataclass(frozen=True)
class Recording:
    """A data file and where its original lives.

    Attributes:
        file_name: name in the folder of NT_DATA_DIR.
        arrays: names that the file must hold.
        origin: sentence that tells a user where to download the original and how to store it.
    """

    file_name: str
    arrays: tuple[str, ...]
    origin: str


def data_dir() -> Path | None:
    """Folder named by NT_DATA_DIR, or None where the variable is unset or empty."""
    text = os.environ.get(DATA_DIR_VARIABLE, "")
    return Path(text) if text else None


def load_recording(recording: Recording) -> Mapping[str, NDArray[np.generic]]:
    """Arrays of the recording by name.

    Raises:
        EnvironmentMissingError: NT_DATA_DIR is unset, or the file is not there; says where to download it.
        UsageError: the file is not an NPZ file or lacks an array.
    """
    folder = data_dir()
    if folder is None:
        raise EnvironmentMissingError(
            f"the recordings of {recording.file_name} are not on this machine",
            evidence=f"{DATA_DIR_VARIABLE} is not set",
            next_step=f"{recording.origin}; then set {DATA_DIR_VARIABLE} to the folder that holds it",
        )
    path = folder / recording.file_name
    if not path.is_file():
        raise EnvironmentMissingError(
            f"the recordings of {recording.file_name} are not on this machine",
            evidence=f"no file {path}",
            next_step=recording.origin,
        )
    return load_arrays(path, recording.arrays)


def load_arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[np.generic]]:
    """The arrays `names` of an NPZ file; UsageError where it is absent, not an NPZ file, or lacks one."""
    arrays = load_npz(path)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UsageError(
            f"the data file lacks the array '{missing[0]}'",
            evidence=f"{path} holds {', '.join(arrays) or 'nothing'}",
            next_step=f"store arrays {', '.join(names)}",
        )
    return arrays


def load_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    """All arrays of an NPZ file; raises as `load_arrays`. Pickled objects are refused."""
    if not path.is_file():
        raise UsageError("there is no data file at that path", evidence=str(path), next_step="check the path")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UsageError(
                    "the data file holds a single array, not an NPZ archive",
                    evidence=str(path),
                    next_step="save it with numpy.savez",
                )
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            "the data file is not a readable NPZ archive",
            evidence=f"{path}: {error}",
            next_step="copy it again, or save it with numpy.savez",
        ) from error
