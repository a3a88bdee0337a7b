"""Accuracy of a chip at its present codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip, ChipInfo, Readout, Response
from nt_host.encode import encode
from nt_host.readout import Accuracy, image_accuracy
from nt_host.tasks.dataset import Dataset
from nt_model.energy import Activity, activity_of
from nt_model.errors import UsageError
from nt_model.image import Image

ACTIVITY_SAMPLES = 128
"""Samples whose hidden spikes are read for the estimate of energy: a slow line should not carry them all."""


WIDE_OUTPUTS = 1024
"""Output neurons from which on membranes are not read: votes are many, ties rare, and each would cost four bytes."""


def plain_readout(info: ChipInfo) -> Readout:
    """Output spikes, and membranes where the chip can read them and they settle ties at a fair price."""
    return Readout(membrane=Capability.MEMBRANE in info.capabilities and info.layer_sizes[-1] < WIDE_OUTPUTS)


def check_fit(image: Image, dataset: Dataset) -> None:
    """Refuse samples that the image cannot take, before anything reaches the chip.

    Raises:
        UsageError: the number of features differs, or a label is not one of the image's classes.
    """
    if dataset.n_features != image.encoder.n_features:
        raise UsageError(
            f"the data do not fit the image: it takes {image.encoder.n_features} features",
            evidence=f"{dataset.n_features} features per sample",
            next_step="give the data the image was built for, see `nt-host info --image FILE`",
        )
    highest = int(dataset.labels.max())
    if highest >= image.n_classes:
        raise UsageError(
            f"a label is out of range: the image has classes 0..{image.n_classes - 1}",
            evidence=f"label {highest} of sample {int(dataset.labels.argmax())}",
            next_step="give the data the image was built for, see `nt-host info --image FILE`",
        )


def encoded(image: Image, dataset: Dataset) -> NDArray[np.uint8]:
    """Input events of all samples, (n, M) or (n, T, M) uint8; raises as `check_fit` and `encode`."""
    check_fit(image, dataset)
    return encode(image.encoder, dataset.features, image.n_steps)


def evaluate_events(chip: Chip, image: Image, x: NDArray[np.uint8], labels: NDArray[np.int64]) -> Accuracy:
    """Both accuracies of the chip at its present codes on events `x` with `labels` (n,)."""
    response = chip.present(x, plain_readout(chip.info))
    return image_accuracy(image, response.plain[-1], labels, response.membrane_q8)


def _joined(parts: tuple[Response, Response]) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
    counts = np.concatenate([part.plain[-1] for part in parts])
    membranes = [part.membrane_q8 for part in parts if part.membrane_q8 is not None]
    return counts, np.concatenate(membranes) if len(membranes) == len(parts) else None


def evaluate_with_activity(
    chip: Chip, image: Image, x: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[Accuracy, Activity | None]:
    """As `evaluate_events`, and what the first ACTIVITY_SAMPLES samples made happen; None where the chip does not
    show its hidden spikes."""
    if len(image.layers) > 1 and Capability.HIDDEN_SPIKES not in chip.info.capabilities:
        return evaluate_events(chip, image, x, labels), None
    readout = plain_readout(chip.info)
    first = chip.present(x[:ACTIVITY_SAMPLES], replace(readout, hidden=True))
    events = x[:ACTIVITY_SAMPLES] if x.ndim == 3 else np.repeat(x[:ACTIVITY_SAMPLES, None], image.n_steps, axis=1)
    activity = activity_of(image, events, first.plain)
    if len(x) <= ACTIVITY_SAMPLES:
        counts, membrane_q8 = first.plain[-1], first.membrane_q8
    else:
        counts, membrane_q8 = _joined((first, chip.present(x[ACTIVITY_SAMPLES:], readout)))
    return image_accuracy(image, counts, labels, membrane_q8), activity


def evaluate(chip: Chip, image: Image, dataset: Dataset) -> Accuracy:
    """Both accuracies of the chip at its present codes on `dataset`; raises as `encoded` and `Chip.present`."""
    return evaluate_events(chip, image, encoded(image, dataset), dataset.labels)
