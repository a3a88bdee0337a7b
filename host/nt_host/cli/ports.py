"""`nt-host ports`: what is attached."""

from __future__ import annotations

from dataclasses import asdict

import click

from nt_hil.open import list_ports
from nt_host.cli.options import json_option
from nt_host.cli.output import Output
from nt_host.report.tables import text_table


@click.command()
@json_option
def ports(as_json: bool) -> None:
    """List serial ports; simulated chips need none (`--port sim:typical`)."""
    output = Output(as_json)
    found = list_ports()
    for port in found:
        output.record("port", **asdict(port))
    if not found:
        output.note("no serial port is attached; `--port sim:typical` needs none")
        return
    columns = tuple(asdict(found[0]))
    rows = [tuple(str(value) for value in asdict(port).values()) for port in found]
    output.show(text_table("", columns, rows))
