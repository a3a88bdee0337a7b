"""A trained network on the test: with spikes everywhere, with a constant input, with graded activities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nt_host.systems.eqprop.digits import Digits
from nt_host.systems.eqprop.network import Network, settle_rates
from nt_host.systems.eqprop.train import TrainSettings, predicted

GRADED_STEPS = 30


@dataclass(frozen=True)
class Learned:
    """One network on the test: accuracies 0..1 of the free phase with everything spiking, with the input as a constant
    current, and with graded activities."""

    seed: int
    spiking: float
    constant_input: float
    graded: float


def judged_network(network: Network, test: Digits, how: TrainSettings, seed: int) -> Learned:
    """Accuracies of a trained network on `test`."""
    spiking, constant = (predicted(network, test.x, how.relaxation, spiking_input=each) for each in (True, False))
    graded = settle_rates(network, test.x, GRADED_STEPS)[-1].argmax(axis=1)
    return Learned(seed, *(float(np.mean(classes == test.labels)) for classes in (spiking, constant, graded)))
