"""Accuracy of a chip at its present codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip, ChipInfo, Readout
from nt_host.encode import encode
from nt_host.readout import Accuracy, accuracy
from nt_host.tasks.dataset import Dataset
from nt_model.errors import UsageError
from nt_model.image import Image


def plain_readout(info: ChipInfo) -> Readout:
    """Output spikes, and membranes where the chip can read them."""
    return Readout(membrane=Capability.MEMBRANE in info.capabilities)


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
    return accuracy(image.readout_class, response.plain[-1], labels, response.membrane_q8)


def evaluate(chip: Chip, image: Image, dataset: Dataset) -> Accuracy:
    """Both accuracies of the chip at its present codes on `dataset`; raises as `encoded` and `Chip.present`."""
    return evaluate_events(chip, image, encoded(image, dataset), dataset.labels)
