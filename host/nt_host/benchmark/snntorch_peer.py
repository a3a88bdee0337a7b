"""The same network in snnTorch (J. K. Eshraghian et al., Proc. IEEE 111, 2023), whose time steps are a Python loop."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from nt_host.benchmark.peers import TorchNetwork
from nt_model.errors import EnvironmentMissingError

NO_SNNTORCH = "snnTorch is not installed: its LIF rows are left out; `pip install 'nt-host[bench]'` adds them"


def has_snntorch() -> bool:
    """Whether snnTorch can be imported here."""
    return importlib.util.find_spec("snntorch") is not None


class SnnTorchNetwork:
    """Layers of `peer` with neurons of snnTorch: leak, fire, reset to zero, without the delay of a step that is its
    default.

    Raises:
        EnvironmentMissingError: snnTorch is not installed.
    """

    def __init__(self, peer: TorchNetwork) -> None:
        if not has_snntorch():
            raise EnvironmentMissingError(
                "snnTorch is not installed", next_step="pip install 'nt-host[bench]', with a constraint on torch"
            )
        snntorch = importlib.import_module("snntorch")
        self.peer = peer
        self.neurons = [
            snntorch.Leaky(beta=1 - peer.leak, threshold=threshold, reset_mechanism="zero", reset_delay=False)
            for threshold in peer.thresholds
        ]

    def run_lif(self, x: Any) -> Any:
        """(B, T, M) float32 events in, spike counts of the last layer out."""
        torch = self.peer.torch
        with torch.no_grad():
            membranes = [neuron.init_leaky() for neuron in self.neurons]
            counts = torch.zeros(x.shape[0], self.peer.weights[-1].shape[0])
            for t in range(x.shape[1]):
                spikes = x[:, t]
                for index, (neuron, weight) in enumerate(zip(self.neurons, self.peer.weights, strict=True)):
                    spikes, membranes[index] = neuron(spikes @ weight.T, membranes[index])
                counts += spikes
        return counts
