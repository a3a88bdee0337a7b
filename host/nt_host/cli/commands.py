"""All commands by name."""

from __future__ import annotations

from collections.abc import Mapping

import click

from nt_host.cli.adapt import adapt
from nt_host.cli.bench import bench
from nt_host.cli.build import build
from nt_host.cli.calibrate import calibrate
from nt_host.cli.codes import codes
from nt_host.cli.demo import demo
from nt_host.cli.doctor import doctor
from nt_host.cli.eval import evaluate
from nt_host.cli.experiment import experiment
from nt_host.cli.info import info
from nt_host.cli.montecarlo import montecarlo
from nt_host.cli.ports import ports
from nt_host.cli.pretrain import pretrain
from nt_host.cli.report import report
from nt_host.cli.sim import sim

COMMANDS: Mapping[str, click.Command] = {
    "adapt": adapt,
    "eval": evaluate,
    "calibrate": calibrate,
    "build": build,
    "info": info,
    "ports": ports,
    "codes": codes,
    "sim": sim,
    "pretrain": pretrain,
    "experiment": experiment,
    "montecarlo": montecarlo,
    "report": report,
    "demo": demo,
    "doctor": doctor,
    "bench": bench,
}
