"""PACS: photographs, art, cartoons and sketches of seven kinds (Li et al. 2017), as MobileNetV2 features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset
from nt_host.tasks.recordings import Recording, load_recording
from nt_host.tasks.task import Target, Task
from nt_model.errors import UsageError

FloatArray = NDArray[np.float32]

RECORDING = Recording(
    file_name="pacs_emb.npz",
    arrays=("mbv2", "mbv2_scale", "y", "domain", "class_names", "domain_names"),
    origin="download PACS (Li et al. 2017), run the quantised MobileNetV2 (ImageNet) on it and store its global "
    "average pool mbv2 (n, 1280) uint8 with mbv2_scale, y, domain (n,), class_names and domain_names as pacs_emb.npz",
)
SOURCE = "photo"
STYLE_GAIN = 0.5
STYLE_SHIFT = 0.3


def load() -> Task:
    """Task `pacs`: photographs are the source, sketches the target, ten labels per class.

    Raises:
        EnvironmentMissingError: the features are not on this machine.
        UsageError: the file is damaged or lacks photographs or sketches.
    """
    arrays = load_recording(RECORDING)
    names = tuple(str(name) for name in arrays["domain_names"])
    if SOURCE not in names or "sketch" not in names:
        raise UsageError(
            "the features need the domains photo and sketch",
            evidence=f"domains {', '.join(names)}",
            next_step=RECORDING.origin,
        )
    everything = Dataset(
        (arrays["mbv2"].astype(np.float32) * np.float32(arrays["mbv2_scale"])),
        arrays["y"].astype(np.int64),
        arrays["domain"].astype(np.int64),
        tuple(str(name) for name in arrays["class_names"]),
        names,
    )
    return Task(
        name="pacs",
        source=everything.of_domain(SOURCE),
        targets=(Target("sketch", everything.of_domain("sketch")),),
        labels_per_class=10,
        same_unit=True,
        world=random_style,
    )


def random_style(features: FloatArray, rng: np.random.Generator) -> FloatArray:
    """All features (n, F), at least 0, in another style: each scaled by a random gain and moved by a random amount."""
    spread = features.std(axis=0)
    gain = np.exp(rng.normal(0, STYLE_GAIN, features.shape[1]))
    shift = rng.normal(0, STYLE_SHIFT, features.shape[1]) * spread
    return np.maximum(features * gain + shift, 0).astype(np.float32)
