"""Run folder: what was asked, what happened, and the codes, each file with schema version, chip UID and image digest.

config.toml         the question: port, image, data, settings; enough to resume
metrics.jsonl       one record per judgement, and the accuracies before and after
checkpoint.npz      where the run stands (`checkpoint.py`)
codes_before.toml   codes of the chip before the run
codes.toml          codes that the run ended with
summary.json        the answer; its presence says that the run is over
curve.png, codes.png    pictures
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nt_host.adapt.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nt_host.toml_file import read_schema, write_toml
from nt_model.errors import UsageError
from nt_model.image_file import write_atomically

CONFIG_SCHEMA = "nt-run"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class RunFolder:
    """A run folder at `path` of the chip `chip_uid` with the image `image_digest`."""

    path: Path
    chip_uid: str
    image_digest: str

    @property
    def checkpoint_path(self) -> Path:
        return self.path / "checkpoint.npz"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def summary_path(self) -> Path:
        return self.path / "summary.json"

    def _stamped(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "chip_uid": self.chip_uid,
            "image_digest": self.image_digest,
            **values,
        }

    def append_metric(self, **values: Any) -> None:
        """Append one record; `step` orders it."""
        with self.metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self._stamped(values)) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All whole records; a last line that a kill cut short is left out."""
        if not self.metrics_path.is_file():
            return []
        lines = self.metrics_path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("}\n")]

    def rewind_metrics(self, step: int) -> None:
        """Drop records of steps after `step`, which a resumed run makes again."""
        kept = [json.dumps(record) + "\n" for record in self.metrics() if record["step"] <= step]
        write_atomically(self.metrics_path, "".join(kept).encode())

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        write_checkpoint(self.checkpoint_path, checkpoint)

    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint, or None where the run was killed before the first; raises as `read_checkpoint`."""
        return read_checkpoint(self.checkpoint_path) if self.checkpoint_path.is_file() else None

    def write_summary(self, values: Mapping[str, Any]) -> None:
        """Write the answer; the run is then over."""
        text = json.dumps(self._stamped(values), indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.summary_path, text.encode())

    def summary(self) -> dict[str, Any] | None:
        """The answer of a run that is over, else None."""
        if not self.summary_path.is_file():
            return None
        summary: dict[str, Any] = json.loads(self.summary_path.read_text(encoding="utf-8"))
        return summary


def create_run_folder(path: Path, chip_uid: str, image_digest: str, config: Mapping[str, Any]) -> RunFolder:
    """Make the folder `path` and write its configuration.

    Raises:
        UsageError: the folder holds a run already, or cannot be made.
    """
    if (path / "config.toml").exists():
        raise UsageError(
            "the folder holds a run already",
            evidence=str(path),
            next_step=f"go on with `nt-host adapt --resume {path}`, or give another `--out`",
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_toml(
            path / "config.toml",
            CONFIG_SCHEMA,
            SCHEMA_VERSION,
            {"chip_uid": chip_uid, "image_digest": image_digest, **config},
        )
    except OSError as error:
        raise UsageError(
            "the run folder cannot be made",
            evidence=f"{path}: {os.strerror(error.errno or 0)}",
            next_step="give a folder that you can write with `--out`",
        ) from error
    return RunFolder(path, chip_uid, image_digest)


def open_run_folder(path: Path) -> tuple[RunFolder, dict[str, Any]]:
    """The run folder at `path` and its configuration.

    Raises:
        UsageError: it holds no run, or its configuration is damaged.
        VersionMismatchError: written with another schema version.
    """
    if not (path / "config.toml").is_file():
        raise UsageError(
            "the folder holds no run to resume",
            evidence=str(path),
            next_step="start one with `nt-host adapt --out FOLDER`",
        )
    config = read_schema(path / "config.toml", CONFIG_SCHEMA, SCHEMA_VERSION)
    for key in ("chip_uid", "image_digest", "settings", "port", "image"):
        if key not in config:
            raise UsageError(
                f"the run's configuration lacks '{key}'",
                evidence=str(path / "config.toml"),
                next_step="start the run anew with `nt-host adapt --out OTHER`",
            )
    return RunFolder(path, config["chip_uid"], config["image_digest"]), config
