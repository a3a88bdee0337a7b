"""Non-volatile memory of the simulated chip: in memory, or in a file that outlives the process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from nt_model.errors import UsageError
from nt_model.image_file import write_atomically

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class NvContent:
    """What survives a reset: the texts are empty as long as nothing was committed, and `learning_hex` where the device
    loop was not learning then."""

    boot_count: int = 0
    generation: int = 0
    codes_hex: str = ""
    corrections_hex: str = ""
    learning_hex: str = ""


class NvStore(Protocol):
    """Holds one NvContent."""

    def load(self) -> NvContent: ...

    def save(self, content: NvContent) -> None:
        """Replace the content as a whole.

        Raises:
            OSError: it could not be written; the old content still stands.
        """
        ...


class MemoryNv:
    """Survives resets of the simulated chip, not the end of the process."""

    def __init__(self) -> None:
        self._content = NvContent()

    def load(self) -> NvContent:
        return self._content

    def save(self, content: NvContent) -> None:
        self._content = content


class FileNv:
    """JSON in a file, for one image on one chip; written atomically."""

    def __init__(self, path: Path, image_digest: str, uid: str) -> None:
        self._path = path
        self._owner = {"schema_version": SCHEMA_VERSION, "image_digest": image_digest, "uid": uid}

    def load(self) -> NvContent:
        """Content of the file, empty where there is no file yet.

        Raises:
            UsageError: the file is not such a file, or belongs to another chip or image.
        """
        if not self._path.exists():
            return NvContent()
        try:
            table = json.loads(self._path.read_text(encoding="utf-8"))
            owner = {key: table.pop(key) for key in self._owner}
            content = NvContent(**table)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                "the file is not a simulated chip's memory",
                evidence=f"{self._path}: {error}",
                next_step="name another file",
            ) from error
        if owner != self._owner:
            raise UsageError(
                "the memory file belongs to another chip, image or version",
                evidence=f"{self._path}: {owner}",
                next_step="name another file, one per chip and image",
            )
        return content

    def save(self, content: NvContent) -> None:
        write_atomically(self._path, json.dumps({**self._owner, **asdict(content)}, indent=1).encode())
