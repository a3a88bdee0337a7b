"""Results of many small tasks on disk, one file each: a killed run goes on from what it finds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

from nt_model.errors import UsageError
from nt_model.image_file import write_atomically

Result = TypeVar("Result")
KEPT_SCHEMA = "nt-chip/1"


@dataclass(frozen=True, eq=False)
class Keep(Generic[Result]):
    """Results of type `result_type`, a dataclass of plain values, in `folder`; None keeps nothing.

    Attributes:
        context: digest of all that results depend on besides their task; a result kept under another one is not taken.
    """

    folder: Path | None
    context: str
    result_type: type[Result]

    def prepare(self) -> None:
        """Make the folder; UsageError where it cannot be made."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                "the folder for the results of the chips cannot be made",
                evidence=str(error),
                next_step="give a folder that you can write with `--out`",
            ) from error

    def _place(self, task: Any) -> tuple[Path | None, str]:
        names = [each.name for each in fields(self.result_type)]  # type: ignore[arg-type]
        key = digest_of({"context": self.context, "task": asdict(task), "result": names})
        return (None if self.folder is None else self.folder / f"{key[:24]}.json"), key

    def find(self, task: Any) -> Result | None:
        """The result of `task`, where it is there and whole."""
        path, key = self._place(task)
        if path is None or not path.is_file():
            return None
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("schema") != KEPT_SCHEMA or stored.get("key") != key:
            return None
        return self.result_type(**stored["result"])

    def store(self, task: Any, result: Any) -> None:
        """Write the result of `task` atomically."""
        path, key = self._place(task)
        if path is None:
            return
        text = json.dumps({"schema": KEPT_SCHEMA, "key": key, "task": asdict(task), "result": asdict(result)})
        write_atomically(path, (text + "\n").encode())


def digest_of(table: Any) -> str:
    """SHA-256 of a table of plain values, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
