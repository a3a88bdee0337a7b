"""Code map: how far every domain's code moved, layer by layer, and where the codes lie now."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nt_host.report.style import ARGMAX_COLOUR, CODE_CHANGE_MAP, MUTED_COLOUR, new_figure, tidy
from nt_model.image import Image
from nt_model.image_file import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

COLUMNS = 64


def _draw_layer(axes: Axes, change: NDArray[np.int64], limit: int, columns: int) -> AxesImage:
    rows = -(-len(change) // columns)
    grid = np.full(rows * columns, np.nan)
    grid[: len(change)] = change
    drawn = axes.imshow(
        grid.reshape(rows, columns),
        cmap=CODE_CHANGE_MAP,
        vmin=-limit,
        vmax=limit,
        aspect="equal",
        interpolation="nearest",
    )
    axes.set_xticks([0, columns - 1])
    axes.set_yticks([0, rows - 1] if rows > 1 else [0], [str(0), str((rows - 1) * columns)][: min(rows, 2)])
    axes.tick_params(length=2, labelsize=8)
    return drawn


def _draw_histogram(axes: Axes, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    edges = [float(edge) for edge in range(0, 257, 8)]
    axes.hist(before, edges, color=MUTED_COLOUR, alpha=0.45, label="before")
    axes.hist(after, edges, histtype="step", color=ARGMAX_COLOUR, linewidth=1.6, label="after")
    tidy(axes)
    axes.set_yscale("symlog")
    axes.set_xlim(0, 256)
    axes.set_xlabel("DAC code (0 = 0.5 V, 255 = 1.0 V)")
    axes.set_ylabel("domains")
    axes.legend(frameon=False, fontsize=8)


def write_code_map(path: Path, image: Image, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    """Write the map of codes `before` and `after`, both (n_codes,) uint8, as PNG to `path`."""
    change = after.astype(np.int64) - before.astype(np.int64)
    limit = max(1, int(np.abs(change).max()))
    domains = [np.unique(layer.domain) for layer in image.layers]
    columns = min(COLUMNS, max(len(domain) for domain in domains))
    rows = [-(-len(domain) // columns) for domain in domains]
    width = 7.4
    heights = [max(0.35, width * 0.82 * count / columns) for count in rows]
    figure = new_figure(width, sum(heights) + 0.55 * len(rows) + 2.4)
    grid = figure.add_gridspec(len(rows) + 1, 1, height_ratios=[*heights, 1.7])
    maps = [figure.add_subplot(grid[index]) for index in range(len(rows))]
    for index, (axes, domain) in enumerate(zip(maps, domains, strict=True)):
        drawn = _draw_layer(axes, change[domain], limit, columns)
        axes.set_title(f"layer {index}: {len(domain)} domains", loc="left", fontsize=10)
    maps[-1].set_xlabel(f"domain, {columns} per row", fontsize=9)
    figure.colorbar(drawn, ax=maps, label="change of code", shrink=0.9, pad=0.02)
    _draw_histogram(figure.add_subplot(grid[len(rows)]), before, after)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
