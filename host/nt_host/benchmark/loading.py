"""What loading an image file costs, measured in a process of its own: `python -m nt_host.benchmark.loading <image>`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nt_host.benchmark.row import Row
from nt_model.core import CoreEngine
from nt_model.image import CODE_DEFAULT, Image
from nt_model.image_file import read_image, write_image
from nt_model.learn import LearnSettings, LearnState

KIB = 1024
BATCH = 64


@dataclass(frozen=True)
class Loading:
    """Seconds of wall time to read and check the file and to repack it, and of CPU time for both; bytes of memory,
    private or of files, beyond the empty program: at the peak of loading and of loading and a learning step; those held
    by the kernels alone."""

    read_s: float
    repack_s: float
    cpu_s: float
    peak_bytes: int
    learn_peak_bytes: int
    kernel_bytes: int


def _peak_bytes() -> int:
    """Largest resident memory of this program so far. Linux tells it per program; what getrusage tells there starts at
    the parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * KIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * KIB)


def _learn(engine: CoreEngine) -> None:
    """A learning step, the first of which needs the transposed weights."""
    rng = np.random.default_rng(0)
    state = LearnState.at(np.full(engine.image.n_codes, CODE_DEFAULT, np.uint8))
    events = (rng.integers(0, 4, (BATCH, 1, engine.image.n_inputs), np.uint8) == 0).view(np.uint8)
    engine.learn_nominal(state, events, rng.integers(0, engine.image.n_classes, BATCH), LearnSettings())


def load(path: Path) -> Loading:
    """Load the image file at `path` into the kernels."""
    before = _peak_bytes()
    start, cpu_before = time.perf_counter(), time.process_time()
    image = read_image(path).image
    read = time.perf_counter()
    engine = CoreEngine(image)
    done, cpu = time.perf_counter(), time.process_time() - cpu_before
    peak, held = _peak_bytes(), getattr(engine.array, "total_bytes", 0)
    _learn(engine)
    return Loading(read - start, done - read, cpu, peak - before, _peak_bytes() - before, held)


def loading_of(image: Image) -> Loading:
    """The same for `image`, from a temporary file, in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.ntrom"
        write_image(path, image)
        command = [sys.executable, "-m", "nt_host.benchmark.loading", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    return Loading(**json.loads(done.stdout))


def loading_rows(image: Image) -> list[Row]:
    """Time and memory of loading a file; the `Image` keeps its packed weights beside those of the kernels."""
    loading = loading_of(image)
    packed = image.n_synapses / 2
    times = (
        f"read and checked {1e3 * loading.read_s:.0f} ms, repacked {1e3 * loading.repack_s:.0f} ms; "
        f"CPU time {1e3 * loading.cpu_s:.0f} ms"
    )
    memory = (
        f"{loading.peak_bytes / 1e6:.0f} MB against {packed / 1e6:.1f} MB; "
        f"{loading.learn_peak_bytes / packed:.2f} x after a learning step {BATCH}"
    )
    return [
        Row(
            "loading an image file into the kernels (wall time)",
            1e3 * (loading.read_s + loading.repack_s),
            "ms",
            detail=times,
        ),
        Row(
            "peak memory of the process while it loads, against the packed weights",
            loading.peak_bytes / packed,
            "x",
            2.2,
            lower_is_better=True,
            detail=memory,
        ),
    ]


def main(arguments: list[str]) -> None:
    print(json.dumps(vars(load(Path(arguments[0])))))


if __name__ == "__main__":
    main(sys.argv[1:])
