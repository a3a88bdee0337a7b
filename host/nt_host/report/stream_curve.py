"""Prequential curve: accuracy over the stream of a chip that learns, a frozen one and full fine-tuning."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from nt_host.experiment.stream_result import StreamResult
from nt_host.report.style import ARGMAX_COLOUR, MUTED_COLOUR, STRICT_COLOUR, new_figure, tidy
from nt_model.image_file import write_atomically

WINDOW = 100
LINES = (
    ("codes", "codes alone, on the chip", ARGMAX_COLOUR, "-"),
    ("tft", "all weights in float (no chip)", STRICT_COLOUR, "--"),
    ("frozen", "the same chip, codes left alone", MUTED_COLOUR, "-"),
)


def write_stream_curve(path: Path, result: StreamResult) -> None:
    """Write the curve of `result` as PNG to `path`: mean over the seeds of the share right in the last WINDOW
    samples, with the range of the seeds."""
    figure = new_figure(8.4, 4.2)
    axes = figure.add_subplot()
    for learner, label, colour, style in LINES:
        right = result.right(learner)
        window = min(WINDOW, right.shape[1])
        total = np.concatenate([np.zeros((len(right), 1)), right.cumsum(axis=1)], axis=1)
        share = 100 * (total[:, window:] - total[:, :-window]) / window
        at = np.arange(window, right.shape[1] + 1)
        axes.plot(at, share.mean(axis=0), style, color=colour, linewidth=1.4, label=label)
        axes.fill_between(at, share.min(axis=0), share.max(axis=0), color=colour, alpha=0.13, linewidth=0)
    begin = 0
    for name, count in result.domains:
        if begin:
            axes.axvline(begin, color=MUTED_COLOUR, linewidth=0.8, linestyle=":")
        turned = 90 if count < 0.08 * right.shape[1] else 0
        axes.text(begin + count / 2, 3, name, ha="center", va="bottom", fontsize=8, rotation=turned)
        begin += count
    tidy(axes)
    axes.set_xlim(0, begin)
    axes.set_ylim(0, 102)
    axes.set_xlabel("samples seen, in the order of time")
    axes.set_ylabel(f"right in the last {WINDOW} predictions (%)")
    axes.set_title(
        f"Streaming: predicted first, the label follows for {result.settings.label_share:.0%} of the samples",
        loc="left",
        fontsize=11,
    )
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.1))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
