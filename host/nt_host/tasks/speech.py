"""Spoken digits: ten words of six speakers (Free Spoken Digit Dataset), as a log-mel picture of 16 x 24 cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.dataset import Dataset
from nt_host.tasks.recordings import Recording, load_recording
from nt_host.tasks.task import Target, Task
from nt_model.errors import UsageError

FloatArray = NDArray[np.float32]

RECORDING = Recording(
    file_name="fsdd_logmel.npz",
    arrays=("X", "n_frames", "y", "speaker", "speaker_names"),
    origin="download the Free Spoken Digit Dataset from https://github.com/Jakobovski/free-spoken-digit-dataset, "
    "compute 24 log-mel bands (60 to 4000 Hz, 25 ms window, 10 ms hop) and store X (n, 64, 24), n_frames, y, "
    "speaker (n,) and speaker_names as fsdd_logmel.npz",
)
FRAMES = 16
SOURCE_SPEAKERS = 4
FLOOR = -8.0
CLASS_NAMES = tuple(str(digit) for digit in range(10))


def pictures(spectra: NDArray[np.generic], n_frames: NDArray[np.generic]) -> FloatArray:
    """Log-mel spectra (n, 64, 24) of `n_frames` frames each, stretched to 16 frames: (n, 384) float32, natural
    logarithm of power less the recording's own mean, floored at -8."""
    found = np.zeros((len(spectra), FRAMES, spectra.shape[2]), np.float32)
    for picture, spectrum, count in zip(found, spectra.astype(np.float32), n_frames.astype(int), strict=True):
        spoken = spectrum[: max(1, count)]
        edges = np.linspace(0, len(spoken), FRAMES + 1)
        for frame in range(FRAMES):
            low = int(edges[frame])
            picture[frame] = spoken[low : max(low + 1, int(np.ceil(edges[frame + 1])))].mean(axis=0)
        picture -= picture.mean()
    return np.maximum(found, FLOOR).reshape(len(found), -1)


def load() -> Task:
    """Task `fsdd`: four speakers are the source; each of the others is a target, five labelled utterances per word.

    Raises:
        EnvironmentMissingError: the recordings are not on this machine.
        UsageError: the file is damaged or holds too few speakers.
    """
    arrays = load_recording(RECORDING)
    names = tuple(str(name) for name in arrays["speaker_names"])
    if len(names) <= SOURCE_SPEAKERS:
        raise UsageError(
            "the recordings need at least five speakers",
            evidence=f"speakers {', '.join(names)}",
            next_step="store the original again with all its speakers",
        )
    speaker = arrays["speaker"].astype(np.int64)
    everything = Dataset(
        pictures(arrays["X"], arrays["n_frames"]), arrays["y"].astype(np.int64), speaker, CLASS_NAMES, names
    )
    return Task(
        name="fsdd",
        source=everything.take(speaker < SOURCE_SPEAKERS),
        targets=tuple(Target(name, everything.of_domain(name)) for name in names[SOURCE_SPEAKERS:]),
        labels_per_class=5,
        same_unit=True,
        world=random_voice,
    )


def random_voice(features: FloatArray, rng: np.random.Generator) -> FloatArray:
    """All recordings (n, 384) in another voice and room: bands moved by up to 3, every band's level changed smoothly,
    time bent."""
    pictures_ = features.reshape(len(features), FRAMES, -1)
    bands = pictures_.shape[2]
    stretch, shift = rng.normal(1.0, 0.08), rng.normal(0.0, 1.2)
    positions = np.clip((np.arange(bands) - bands / 2) * stretch + bands / 2 + shift, 0, bands - 1)
    moved = _between(pictures_, positions, 2)
    bend = np.clip(np.arange(FRAMES) + rng.normal(0, 1.2) * np.sin(np.pi * np.arange(FRAMES) / (FRAMES - 1)), 0, None)
    moved = _between(moved, np.minimum(bend, FRAMES - 1), 1)
    level = np.interp(np.arange(bands), np.linspace(0, bands - 1, 5), rng.normal(0, 1.0, 5))
    noise = rng.normal(0, rng.uniform(0, 0.6), moved.shape)
    voice = (moved * rng.uniform(0.8, 1.2) + level + noise).reshape(len(features), -1)
    return np.maximum(voice, FLOOR).astype(np.float32)


def _between(values: FloatArray, positions: NDArray[np.floating], axis: int) -> FloatArray:
    """Values linearly between whole places along `axis`."""
    low = np.floor(positions).astype(int)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    shape = [1] * values.ndim
    shape[axis] = len(positions)
    share = (positions - low).reshape(shape)
    return np.asarray(values.take(low, axis) * (1 - share) + values.take(high, axis) * share, np.float32)
