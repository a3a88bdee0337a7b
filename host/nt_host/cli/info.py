"""`nt-host info`: what an image file holds and what a chip says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nt_host.cli.options import chip_options, chosen_chip, chosen_image, image_option, json_option
from nt_host.cli.output import Output
from nt_host.connect import connected
from nt_host.image_info import chip_table, image_table
from nt_host.report.tables import text_table
from nt_model.image_file import read_image


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(str(each) for each in value)
    return str(value)


@click.command()
@chip_options
@image_option
@json_option
def info(as_json: bool, image: Path | None, port: str | None, engine: str, baud: int, deadline_s: float) -> None:
    """Show an image file, and the chip at --port where one is given."""
    output = Output(as_json)
    loaded = read_image(chosen_image(image))
    tables = {"image": image_table(loaded)}
    if port is not None:
        with connected(chosen_chip(port, engine, baud, deadline_s), loaded) as chip:
            tables["chip"] = chip_table(chip.info)
    for kind, values in tables.items():
        rows = [(key.replace("_", " "), _text(value)) for key, value in values.items()]
        output.result(kind, values, text_table("", (kind, ""), rows))
