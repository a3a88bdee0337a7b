"""Run the streaming experiment seed by seed; what is already in the folder is taken as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nt_host.connect import ChipOptions, connected
from nt_host.experiment.plan import FIVE_SEEDS
from nt_host.experiment.plans import plan_named
from nt_host.experiment.run import plan_image
from nt_host.experiment.stream import (
    LEARNERS,
    ChipLearner,
    DigitalLearner,
    StreamRun,
    StreamSettings,
    make_stream,
    run_stream,
    timed,
)
from nt_host.experiment.stream_result import StreamResult, run_text, write_stream
from nt_host.tasks import Task, load_task
from nt_model.image_file import LoadedImage, write_atomically

OnRun = Callable[[int, int, str], None]
STREAM_NAME = "stream"


@dataclass(frozen=True)
class StreamPlan:
    """The streaming experiment: `pretrained` names the plan whose task and images it takes; seeds, corner and engine
    as in a plan."""

    pretrained: str = "enose"
    settings: StreamSettings = field(default_factory=StreamSettings)
    seeds: tuple[int, ...] = FIVE_SEEDS
    corner: str = "typical"
    engine: str = "c"

    def run_key(self, learner: str, seed: int, image_digest: str) -> str:
        """Digest of all that a run's result depends on."""
        parts = [self.pretrained, asdict(self.settings), self.corner, learner, seed, image_digest]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _made(plan: StreamPlan, learner: str, loaded: LoadedImage, task: Task, seed: int) -> StreamRun:
    stream = make_stream(task, loaded.image, plan.settings, seed)
    memory = plan.settings.memory_per_class
    if learner == "tft":
        digital = DigitalLearner(loaded.image, stream, plan.settings, seed)
        return timed(learner, seed, lambda: run_stream(digital, stream, memory))
    with connected(ChipOptions(f"sim:{plan.corner},seed={seed}", engine=plan.engine), loaded) as chip:
        on_chip = ChipLearner(chip, loaded.image, stream, plan.settings, seed, frozen=learner == "frozen")
        return timed(learner, seed, lambda: run_stream(on_chip, stream, memory))


def _kept_or_made(plan: StreamPlan, learner: str, loaded: LoadedImage, task: Task, seed: int, folder: Path) -> str:
    path = folder / "cells" / f"{STREAM_NAME}-{learner}-s{seed}.json"
    key = plan.run_key(learner, seed, loaded.digest)
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("key") == key:
            return str(stored["right"])
    text = run_text(_made(plan, learner, loaded, task, seed))
    write_atomically(path, (json.dumps({"key": key, "right": text}) + "\n").encode())
    return text


def run_stream_experiment(
    plan: StreamPlan, folder: Path, on_run: OnRun = lambda done, total, note: None
) -> StreamResult:
    """All learners on the stream of every seed; writes `<folder>/stream.json`.

    Raises:
        EnvironmentMissingError: the recordings or PyTorch are missing.
    """
    base = plan_named(plan.pretrained)
    task = load_task(base.task, None)
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    runs: dict[tuple[str, int], str] = {}
    total = len(plan.seeds) * len(LEARNERS)
    for seed in plan.seeds:
        on_run(len(runs), total, f"pretraining, seed {seed}")
        loaded = plan_image(base, task, folder, seed)
        for learner in LEARNERS:
            on_run(len(runs), total, f"{learner}, seed {seed}")
            runs[learner, seed] = _kept_or_made(plan, learner, loaded, task, seed, folder)
    on_run(total, total, "done")
    domains = tuple((target.name, len(target.pool)) for target in task.targets)
    result = StreamResult(task.name, plan.settings, domains, runs)
    write_stream(folder / f"{STREAM_NAME}.json", result)
    return result
