"""`nt-host demo`: the whole main job, nothing to prepare."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from nt_host.adapt.loop import Progress
from nt_host.cli.adapt import show_report
from nt_host.cli.options import FOLDER, json_option, option
from nt_host.cli.output import Output
from nt_host.demo import DEMO_PORT, demo_job, run_demo
from nt_host.tasks.digits import CAMERA
from nt_model.engine import ENGINES


@click.command()
@option("--out", type=FOLDER, help="Run folder to make; default: runs/demo-<time>.")
@option("--port", default=DEMO_PORT, help="Chip to adapt.")
@option("--engine", type=click.Choice(ENGINES), default="c", help="Engine of a simulated chip.")
@json_option
def demo(out: Path | None, port: str, engine: str, as_json: bool) -> None:
    """Adapt a mismatched simulated chip to digits as a tilted, noisy camera sees them."""
    output = Output(as_json)
    folder = out or Path("runs") / f"demo-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    output.note(
        f"port {port}: digits of scikit-learn, 4-bit image; "
        f"the camera is tilted by {CAMERA.tilt_degrees:.0f} degrees and noisy"
    )
    with output.bar("adapting") as bar:

        def shown(progress: Progress) -> None:
            bar.update(progress.step, progress.n_steps)

        report = run_demo(demo_job(folder, port, engine), shown)
    show_report(output, report, folder)
