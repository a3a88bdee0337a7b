"""`nt-host doctor`: check the machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from nt_host.cli.options import json_option
from nt_host.cli.output import Output
from nt_host.doctor import examine
from nt_host.report.tables import text_table
from nt_model.errors import EnvironmentMissingError


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this machine; exit with 3 where something that every job needs is broken."""
    output = Output(as_json)
    findings = examine()
    for finding in findings:
        output.record("finding", **asdict(finding))
    rows = [(each.name, each.state, each.detail, each.next_step) for each in findings]
    output.show(text_table("", ("check", "state", "seen", "next"), rows))
    bad = [finding for finding in findings if finding.state == "bad"]
    if bad:
        raise EnvironmentMissingError(
            f"{len(bad)} of {len(findings)} checks failed", evidence=bad[0].detail, next_step=bad[0].next_step
        )
