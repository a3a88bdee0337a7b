"""Electronic nose: six gases, sixteen sensors that age over 36 months (Vergara et al. 2012)."""

from __future__ import annotations

import numpy as np

from nt_host.tasks.dataset import Dataset
from nt_host.tasks.recordings import Recording, load_recording
from nt_host.tasks.sensor_drift import aged
from nt_host.tasks.task import Target, Task
from nt_model.errors import UsageError

RECORDING = Recording(
    file_name="gas_drift.npz",
    arrays=("X", "y", "batch"),
    origin="download 'Gas Sensor Array Drift Dataset' (Vergara et al. 2012) from the UCI Machine Learning Repository, "
    "https://archive.ics.uci.edu/dataset/224, and store X (n, 128), y (n,) from 0 and batch (n,) from 1 as "
    "gas_drift.npz",
)
SOURCE_BATCH = 1
LABELS_PER_CLASS = 8
CLASS_NAMES = ("acetaldehyde", "acetone", "ammonia", "ethanol", "ethylene", "toluene")


def load() -> Task:
    """Task `enose`: batch 1 is the source, every later batch in the file a target (`batch2`, ...).

    Eight labelled samples per class are drawn from a batch and the rest of it is the test.

    Raises:
        EnvironmentMissingError: the recordings are not on this machine.
        UsageError: the file is damaged or holds no batch 1 or no later one.
    """
    arrays = load_recording(RECORDING)
    batch = arrays["batch"].astype(np.int64)
    numbers = [int(number) for number in np.unique(batch)]
    later = [number for number in numbers if number > SOURCE_BATCH]
    if SOURCE_BATCH not in numbers or not later:
        raise UsageError(
            "the recordings need batch 1 and at least one later batch",
            evidence=f"batches {numbers}",
            next_step="store the original again with all its batches",
        )
    names = arrays.get("class_names")
    everything = Dataset(
        features=arrays["X"].astype(np.float32),
        labels=arrays["y"].astype(np.int64),
        domain=np.searchsorted(numbers, batch).astype(np.int64),
        class_names=CLASS_NAMES if names is None else tuple(str(name) for name in names),
        domain_names=tuple(f"batch{number}" for number in numbers),
    )
    return Task(
        name="enose",
        source=everything.of_domain(f"batch{SOURCE_BATCH}"),
        targets=tuple(Target(f"batch{n}", everything.of_domain(f"batch{n}")) for n in later),
        labels_per_class=LABELS_PER_CLASS,
        transform="signed_log",
        world=aged,
    )
