"""`nt-host bench`: the speed of the simulated array here, beside torch and beside the limits of the machine."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path

import click
from rich.table import Table

from nt_host.benchmark.snntorch_peer import NO_SNNTORCH, has_snntorch
from nt_host.benchmark.subject import host_kernel
from nt_host.benchmark.table import Plan, groups
from nt_host.cli.options import json_option, option
from nt_host.cli.output import Output

NO_TORCH = "torch is not installed: only our own figures are measured; `pip install 'nt-host[pretrain]'` adds the peers"


def processor_name() -> str:
    """What the processor calls itself, with family and model where the operating system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    known = {key.strip(): value.strip() for key, value in found.items()}
    name = known.get("model name", platform.machine())
    return f"{name}, family {known['cpu family']}, model {known['model']}" if "cpu family" in known else name


@click.command()
@option("--network", type=click.Choice(("both", "large", "small")), default="both", help="Networks to measure.")
@option("--rounds", type=click.IntRange(1), default=9, help="Turns of each case; the median is shown.")
@json_option
def bench(network: str, rounds: int, as_json: bool) -> None:
    """Measure the simulated array side by side with torch.

    large is 25088-4096-4096-1000 (123.6 million synapses), small 784-512-256-10; 4-bit random weights, 25 % of the
    binary inputs active. Times are CPU time of one thread unless a line says otherwise.
    """
    output = Output(as_json)
    torch = importlib.util.find_spec("torch") is not None
    if not torch:
        output.note(NO_TORCH)
    elif not has_snntorch():
        output.note(NO_SNNTORCH)
    kernel = host_kernel()
    output.record(
        "machine",
        processor=processor_name(),
        cpus=os.cpu_count(),
        kernel=kernel,
        load=os.getloadavg()[0],
        rounds=rounds,
        torch=torch,
    )
    table = Table("network", "figure", "measured", "target", "", "times", title=f"kernels: {kernel}")
    for name, row in groups(Plan(rounds, torch, network != "small", network != "large")):
        output.record(
            "figure",
            network=name,
            figure=row.figure,
            value=row.value,
            unit=row.unit,
            target=row.target,
            lower_is_better=row.lower_is_better,
            is_met=row.is_met,
            detail=row.detail,
        )
        output.note(f"{name}: {row.figure}: {row.value_text}")
        table.add_row(name, row.figure, row.value_text, row.target_text, row.verdict, row.detail)
    output.show(table)
