"""Chip images that come with the tool."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from nt_model.errors import EnvironmentMissingError


def packaged_image(name: str) -> Path:
    """Path of the packaged image `name`; EnvironmentMissingError where this installation has none of that name."""
    with as_file(files(__name__) / f"{name}.ntrom") as path:
        if not path.is_file():
            raise EnvironmentMissingError(
                f"the image '{name}' is not part of this installation",
                evidence=str(path),
                next_step=f"make it with `nt-host pretrain --task {name} --out {name}.ntrom`",
            )
        return path
