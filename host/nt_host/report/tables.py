"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nt_host.energy.estimate import energy_lines
from nt_host.jobs import AdaptReport
from nt_host.readout import Accuracy


def percent(share: float) -> str:
    """A share as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def _titled(title: str, table: Table) -> RenderableType:
    """The title on a line of its own: a table's own title would be folded to the width of the table."""
    return Group(Text(title, style="bold"), table) if title else table


def plain_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    """A table whose first column is text and whose others are numbers."""
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return _titled(title, table)


def text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    """A table of words: all columns to the left, the last one folded where the terminal is too narrow."""
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for index, column in enumerate(columns):
        is_last = index == len(columns) - 1
        table.add_column(column, justify="left", no_wrap=not is_last, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return _titled(title, table)


def accuracy_table(title: str, rows: Sequence[tuple[str, Accuracy]]) -> RenderableType:
    """Argmax and strict accuracy side by side."""
    return plain_table(
        title,
        ("", "argmax", "strict", "samples"),
        [(name, percent(one.argmax), percent(one.strict), str(one.n)) for name, one in rows],
    )


def adapt_tables(report: AdaptReport) -> tuple[RenderableType, RenderableType]:
    """(accuracies before and after, what it took)."""
    result = report.result
    alone = result.n_fit + result.n_held_out == report.n_labels
    fitted = "fitted" if alone else "samples fitted, most of them under a teacher's answers"
    took = [
        ("labels used", f"{report.n_labels} ({result.n_fit} {fitted}, {result.n_held_out} held out)"),
        ("learning steps", f"{result.steps}, codes of step {result.kept_step} kept"),
        ("code bytes written", f"{result.code_bytes:,}"),
        ("bytes on the wire", f"{result.wire_bytes:,} ({report.wire_s:.2f} s at 921,600 baud)"),
        ("time", f"{result.seconds:.2f} s"),
        ("weights written", "0"),
        *([("silent domains parked", str(result.parked))] if result.parked else []),
        *energy_lines(*((None,) if report.energy is None else (report.energy.inference, report.energy.step))),
    ]
    accuracies = accuracy_table(
        f"domain {report.domain}, chip {report.chip_uid}", [("before", report.before), ("after", report.after)]
    )
    return accuracies, text_table("", ("", ""), took)
