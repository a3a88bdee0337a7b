"""Pictures of a calibration: gains before and after, maps of neurons, residual against code, device parameters."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nt_calib.devices import DeviceEstimates, estimate_devices
from nt_calib.judge import READ_SD, figures_of
from nt_calib.law import Law, log_nominal_gain
from nt_calib.result import Calibration
from nt_calib.verdict import Verdict
from nt_host.report.style import (
    ARGMAX_COLOUR,
    CODE_CHANGE_MAP,
    MUTED_COLOUR,
    STRICT_COLOUR,
    new_figure,
    tidy,
)
from nt_model.image import Image
from nt_model.image_file import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

FloatArray = NDArray[np.float64]
COLUMNS = 64
BINS = 60
DEVICE_NAMES = (
    ("beta", "beta / nominal"),
    ("rs", "Rs / nominal"),
    ("threshold", "threshold / nominal"),
    ("vth_mv", "Vth (mV)"),
)


def _joined(calibration: Calibration, name: str) -> FloatArray:
    return np.concatenate([getattr(layer, name) for layer in calibration.layers])


def _good(calibration: Calibration) -> NDArray[np.bool_]:
    return np.concatenate([layer.success for layer in calibration.layers])


def _read_back(calibration: Calibration) -> FloatArray:
    """ln gain after, nan where it was not read surely."""
    after, sd = _joined(calibration, "after"), _joined(calibration, "after_sd")
    return np.where(np.nan_to_num(sd, nan=np.inf) < READ_SD, after, np.nan)


def _within(values: FloatArray, limit: float) -> FloatArray:
    """Per cent, what lies beyond +-`limit` put at the edge."""
    return np.clip(100 * values[np.isfinite(values)], -limit, limit)


def _edges(limit: float) -> list[float]:
    return [float(edge) for edge in np.linspace(-limit, limit, BINS + 1)]


def gains_figure(calibration: Calibration) -> Figure:
    """Histograms of ln gain before and after, the second one magnified, and the figure that counts."""
    good, figures = _good(calibration), figures_of(calibration)
    before, after = _joined(calibration, "before")[good], _read_back(calibration)[good]
    figure = new_figure(7.4, 3.6)
    wide, near = figure.subplots(1, 2)
    limit = 100 * max(0.02, float(np.percentile(np.abs(before), 99.5)))
    wide.hist(_within(before, limit), _edges(limit), color=MUTED_COLOUR, alpha=0.55, label="before")
    style: dict[str, Any] = {"histtype": "step", "color": ARGMAX_COLOUR, "linewidth": 1.6}
    wide.hist(_within(after, limit), _edges(limit), label="after, read back", **style)
    limit = 100 * max(0.004, 5 * figures.sigma_after)
    near.hist(_within(after, limit), _edges(limit), **style)
    for axes, title in ((wide, "before and after"), (near, "after, magnified")):
        tidy(axes)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("gain off nominal at code 128 (%)")
        axes.set_ylabel("neurons")
    wide.set_yscale("symlog")
    wide.legend(frameon=False, fontsize=8)
    figure.suptitle(
        f"Trimmed sigma of ln gain: {100 * figures.sigma_before:.2f} % before, "
        f"{100 * figures.sigma_after:.2f} % after, "
        f"after / before = {figures.ratio:.3f}",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    return figure


def _grid(values: FloatArray, columns: int) -> FloatArray:
    rows = -(-len(values) // columns)
    grid = np.full(rows * columns, np.nan)
    grid[: len(values)] = values
    return grid.reshape(rows, columns)


def _draw_map(axes: Axes, values: FloatArray, failed: NDArray[np.bool_], limit: float, columns: int) -> AxesImage:
    drawn = axes.imshow(
        _grid(values, columns), cmap=CODE_CHANGE_MAP, vmin=-limit, vmax=limit, interpolation="nearest", aspect="equal"
    )
    place = np.flatnonzero(failed)
    axes.plot(place % columns, place // columns, "x", color="black", markersize=3.5, markeredgewidth=0.9)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(-(-len(values) // columns) - 0.5, -0.5)
    axes.set_facecolor("#d9dce1")
    axes.set_xticks([])
    axes.set_yticks([])
    return drawn


def maps_figure(calibration: Calibration) -> Figure:
    """Each neuron's gain before and after, layer by layer; neurons that failed are crossed."""
    layers = calibration.layers
    columns = min(COLUMNS // 2, max(len(layer.verdict) for layer in layers))
    rows = [-(-len(layer.verdict) // columns) for layer in layers]
    heights = [max(0.3, 3.1 * count / columns) for count in rows]
    figure = new_figure(7.4, sum(heights) + 0.4 * len(rows) + 0.6)
    axes = figure.subplots(len(layers), 2, squeeze=False, gridspec_kw={"height_ratios": heights})
    # Loaded already by the figure; not by commands that draw nothing.
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, 0.0, 1.0, 0.97))  # Else the title of the first row is cut.
    limits = [
        100 * max(0.002, float(np.nanpercentile(np.abs(values[_good(calibration)]), 98)))
        for values in (_joined(calibration, "before"), _read_back(calibration))
    ]
    for index, layer in enumerate(layers):
        after = np.where(np.nan_to_num(layer.after_sd, nan=np.inf) < READ_SD, layer.after, np.nan)
        for side, values in enumerate((layer.before, after)):
            drawn = _draw_map(axes[index, side], 100 * values, ~layer.success, limits[side], columns)
            if index == len(layers) - 1:
                figure.colorbar(
                    drawn, ax=list(axes[:, side]), location="bottom", label="gain off nominal (%)", shrink=0.8, pad=0.02
                )
        axes[index, 0].set_title(f"layer {index}: {len(layer.verdict)} neurons, before", loc="left", fontsize=9)
        axes[index, 1].set_title("after (own scale; grey: not read surely)", loc="left", fontsize=9)
    return figure


def residuals(calibration: Calibration, image: Image) -> tuple[FloatArray, FloatArray]:
    """ln gain over nominal of the calibrated neurons at codes 0..255 by the fitted law, (N, 256) each: without the
    corrections, and with them."""
    codes = np.arange(256)
    dac = np.stack(
        [calibration.corrections.dac_codes(np.full(image.n_codes, code, np.uint8)) for code in codes], axis=1
    ).astype(np.float64)
    nominal = log_nominal_gain(image.gain, codes.astype(np.float64))
    without, with_them = [], []
    for layer, found in zip(image.layers, calibration.layers, strict=True):
        law = Law(found.parameters[found.success], image.gain)
        raw = np.broadcast_to(codes.astype(np.float64), (int(found.success.sum()), 256))
        without.append(law.log_gain(raw) - nominal)
        with_them.append(law.log_gain(dac[layer.domain[found.success, 0]]) - nominal)
    return np.concatenate(without), np.concatenate(with_them)


def _band(axes: Axes, values: FloatArray, colour: str, label: str) -> None:
    low, quarter, middle, three, high = 100 * np.percentile(values, [5, 25, 50, 75, 95], axis=0)
    codes = np.arange(256)
    axes.fill_between(codes, low, high, color=colour, alpha=0.2, linewidth=0, label=f"{label}, 5 to 95 %")
    axes.fill_between(codes, quarter, three, color=colour, alpha=0.35, linewidth=0, label="25 to 75 %")
    axes.plot(codes, middle, color=colour, linewidth=1.4, label="median")


def residual_figure(calibration: Calibration, image: Image) -> Figure:
    """Gain off nominal against code, by the fitted law, without and with the corrections."""
    figure = new_figure(7.4, 4.6)
    axes = figure.subplots(2, 1, sharex=True)
    step = 100 * np.diff(log_nominal_gain(image.gain, np.arange(256.0)))
    without, with_them = residuals(calibration, image)
    for one, values, colour, label in (
        (axes[0], without, MUTED_COLOUR, "uncorrected"),
        (axes[1], with_them, ARGMAX_COLOUR, "corrected"),
    ):
        _band(one, values, colour, label)
        tidy(one)
        one.set_ylabel("gain off nominal (%)")
    edge = 1.15 * float(np.percentile(np.abs(100 * with_them[:, 16:240]), 97))
    axes[1].plot(np.arange(255) + 0.5, step, color=STRICT_COLOUR, linewidth=1, linestyle="--", label="one DAC code")
    axes[1].plot(np.arange(255) + 0.5, -step, color=STRICT_COLOUR, linewidth=1, linestyle="--")
    axes[1].set_ylim(-max(2.0, edge), max(2.0, edge))
    axes[0].set_title("Residual against code, by the fitted law", loc="left", fontsize=11)
    axes[1].set_xlabel("code")
    axes[1].set_xlim(0, 255)
    for one in axes:
        one.legend(frameon=False, fontsize=8, ncols=4, loc="lower center")
    return figure


def _estimates(calibration: Calibration) -> tuple[DeviceEstimates, NDArray[np.bool_]]:
    return (
        estimate_devices(_joined(calibration, "parameters"), _joined(calibration, "parameter_sd")),
        _good(calibration),
    )


def devices_figure(calibration: Calibration) -> Figure:
    """Histograms of the estimated device parameters, and how uncertain one neuron's is."""
    found, good = _estimates(calibration)
    figure = new_figure(7.4, 4.4)
    axes = figure.subplots(2, 2).ravel()
    for one, (name, label) in zip(axes, DEVICE_NAMES, strict=True):
        values = getattr(found, name)[good]
        sd = getattr(found, "vth_sd_mv" if name == "vth_mv" else f"{name}_sd")[good]
        one.hist(values, 40, color=ARGMAX_COLOUR, alpha=0.75)
        centre, half = float(np.median(values)), float(np.median(sd))
        top = one.get_ylim()[1]
        one.errorbar(centre, 0.93 * top, xerr=half, color=STRICT_COLOUR, capsize=3, linewidth=1.6)
        one.annotate(
            f"± {half:.2g} of one neuron", (centre, 0.93 * top), xytext=(0, 5), textcoords="offset points",
            ha="center", color=STRICT_COLOUR, fontsize=8,
        )  # fmt: skip
        one.set_ylim(0, 1.12 * top)
        tidy(one)
        one.set_xlabel(label)
        one.set_ylabel("neurons")
    figure.suptitle(
        "Estimated devices; beta, Rs and threshold can be told apart by their prior alone",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    return figure


def verdicts_figure(calibration: Calibration) -> Figure:
    """Neurons by verdict."""
    verdicts = _joined(calibration, "verdict")
    counts = [int((verdicts == one).sum()) for one in Verdict]
    figure = new_figure(7.4, 2.6)
    axes = figure.subplots()
    names = [one.name.lower().replace("_", " ") for one in Verdict]
    bars = axes.barh(names, counts, color=[ARGMAX_COLOUR, *[STRICT_COLOUR] * (len(names) - 1)])
    axes.bar_label(bars, padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("symlog")
    axes.set_xlim(0, 2 * max(1, *counts))
    tidy(axes)
    axes.set_xlabel("neurons")
    axes.set_title(f"Verdicts on {len(verdicts)} neurons", loc="left", fontsize=11)
    return figure


def write_pictures(folder: Path, calibration: Calibration, image: Image) -> Sequence[Path]:
    """Write all pictures of `calibration` as PNG into `folder`, which is made; their paths.

    Where no neuron is calibrated, the verdicts are all there is to show.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"verdicts": verdicts_figure(calibration)}
    if _good(calibration).any():
        figures["gains"] = gains_figure(calibration)
        figures["maps"] = maps_figure(calibration)
        figures["residual"] = residual_figure(calibration, image)
        figures["devices"] = devices_figure(calibration)
    paths = []
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        paths.append(folder / f"{name}.png")
        write_atomically(paths[-1], buffer.getvalue())
    return paths
