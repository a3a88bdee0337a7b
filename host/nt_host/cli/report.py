"""`nt-host report`: render the results page from result files."""

from __future__ import annotations

from pathlib import Path

import click

from nt_host.cli.options import FILE, json_option, option
from nt_host.cli.output import Output
from nt_host.domains.study import STUDY as DOMAINS
from nt_host.experiment.stream_result import is_stream, read_stream
from nt_host.experiment.stream_run import STREAM_NAME
from nt_host.library.study import STUDY as LIBRARY
from nt_host.report import chips_page, headline, targets
from nt_host.report.results_page import results_page
from nt_host.report.stream_curve import write_stream_curve
from nt_host.study.page import studies_page
from nt_host.study.result import is_study, read_study
from nt_host.systems.page import INTRO, TITLE, is_systems_page
from nt_host.toml_file import read_toml
from nt_model.image_file import write_atomically


def _into(results: tuple[Path, ...], page: Path) -> None:
    """Put a section made of `results` in its place in `page`; which section, the first of them says."""
    if results[0].suffix != ".toml":
        chips_page.SECTION.replace_in(page, chips_page.chips_section(results))
    elif read_toml(results[0]).get("schema") == headline.SCHEMA:
        headline.SECTION.replace_in(page, headline.headline_table(results[0]))
    else:
        targets.SECTION.replace_in(page, targets.targets_table(results[0]))


PAGES = {DOMAINS: "Power domains", LIBRARY: "Code library"}
"""Titles of the pages of studies that have one of their own."""


def _write_pictures(results: tuple[Path, ...], folder: Path) -> None:
    for path in results:
        if is_stream(path):
            folder.mkdir(parents=True, exist_ok=True)
            write_stream_curve(folder / f"{STREAM_NAME}.png", read_stream(path))


def _studies(results: tuple[Path, ...], out: Path | None) -> str:
    studies = [read_study(path).study for path in results]
    if is_systems_page(studies):
        return studies_page(results, out, TITLE, INTRO)
    return studies_page(results, out, PAGES.get(studies[0], "") if len(studies) == 1 else "")


@click.command()
@click.argument("results", type=FILE, nargs=-1, required=True)
@option("--out", type=FILE, help="Markdown file to write; default: stdout.")
@option("--into", type=FILE, help="Put results over many chips, or a table (*.toml), into their place here.")
@json_option
def report(results: tuple[Path, ...], out: Path | None, into: Path | None, as_json: bool) -> None:
    """Render RESULTS (files of `nt-host experiment`) as Markdown tables; studies and other experiments apart.

    With --out also the pictures that they show."""
    output = Output(as_json)
    if into is not None:
        _into(results, into)
        output.record("report", path=str(into))
        output.note(f"written: {into}")
        return
    page = _studies(results, out) if is_study(results[0]) else results_page(results)
    if out is not None:
        _write_pictures(results, out.parent / "img")
        write_atomically(out, page.encode())
        output.record("report", path=str(out))
        output.note(f"written: {out}")
    elif as_json:
        output.record("report", markdown=page)
    else:
        click.echo(page)
