"""The main job in one call: a digits network in a mismatched simulated chip meets a tilted, noisy camera."""

from __future__ import annotations

from pathlib import Path

from nt_host.adapt.settings import AdaptSettings
from nt_host.connect import ChipOptions
from nt_host.images import packaged_image
from nt_host.jobs import AdaptJob, AdaptReport, DataChoice, OnProgress, run_adapt

DEMO_PORT = "sim:typical,seed=7"
DEMO_DOMAIN = "camera"
LABELS_PER_CLASS = 20


def demo_job(out: Path | None, port: str = DEMO_PORT, engine: str = "c") -> AdaptJob:
    """The job of `make demo`; `out` is its run folder."""
    return AdaptJob(
        chip=ChipOptions(port, engine=engine),
        image=packaged_image("digits"),
        data=DataChoice(task="digits", domain=DEMO_DOMAIN, labels_per_class=LABELS_PER_CLASS),
        settings=AdaptSettings(),
        out=out,
    )


def run_demo(job: AdaptJob, on_progress: OnProgress = lambda progress: None) -> AdaptReport:
    """Run the demo; raises as `run_adapt`."""
    return run_adapt(job, on_progress)
