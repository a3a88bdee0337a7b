"""One look for all pictures: colours that also differ in grey, thin grids, no frame."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from nt_model.image_file import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARGMAX_COLOUR = "#1f5fa8"
STRICT_COLOUR = "#d1662a"
MUTED_COLOUR = "#8a8f98"
CODE_CHANGE_MAP = "RdBu_r"
DPI = 140


def new_figure(width_in: float, height_in: float) -> Figure:
    """A figure that needs no display."""
    # Most commands draw nothing, and loading matplotlib takes longer than they do.
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")


def tidy(axes: Axes) -> None:
    """Thin grid behind the data, no upper and right frame."""
    axes.grid(True, color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def save_png(path: Path, figure: Figure) -> None:
    """Write `figure` as PNG to `path` atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
