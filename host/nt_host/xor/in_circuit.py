"""A small image as a circuit: every neuron with its transistors, layers joined by their spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.circuit import netlist
from nt_host.circuit.netlist import Neuron
from nt_host.circuit.neuron_run import NeuronTrace, run_neurons
from nt_model.devices import DEVICES
from nt_model.errors import UsageError
from nt_model.image import Image

ByteArray = NDArray[np.uint8]
MAX_NEURONS = 32


def image_neurons(image: Image, codes: ByteArray, case: str, inputs: list[str]) -> list[list[Neuron]]:
    """Neurons of each layer, named after `case`; events of the first layer come from nodes `inputs`.

    Raises:
        UsageError: the image is larger than a circuit of this kind is worth, or has a bias, split domains, or a
            threshold at or below 0, for which there is no netlist.
    """
    plain = all(
        not layer.bias.any() and (layer.domain[:, 0] == layer.domain[:, 1]).all() and (layer.threshold_q8 > 0).all()
        for layer in image.layers
    )
    if image.n_neurons > MAX_NEURONS or not plain:
        raise UsageError(
            "this image has no netlist",
            evidence=f"{image.n_neurons} neurons; up to {MAX_NEURONS} without bias, split domains or thresholds <= 0",
            next_step="take a smaller network",
        )
    layers: list[list[Neuron]] = []
    below = inputs
    for index, layer in enumerate(image.layers):
        layers.append(
            [
                Neuron(
                    f"{case}l{index}n{i}",
                    DEVICES.supply_v(int(codes[layer.domain[i, 0]])),
                    tuple((node, int(w)) for node, w in zip(below, layer.weight[i], strict=True) if w),
                    DEVICES.reference_per_lsb_for(float(layer.threshold_q8[i]) / 256),
                )
                for i in range(layer.n_neurons)
            ]
        )
        below = [neuron.spike for neuron in layers[-1]]
    return layers


def run_image(image: Image, codes: ByteArray, events: NDArray[np.uint8]) -> list[list[list[NeuronTrace]]]:
    """Traces of every neuron by sample and layer, all samples in one process.

    Args:
        events: (B, T, M) uint8, 0 or 1 per step.
    """
    lines: list[str] = []
    samples: list[list[list[Neuron]]] = []
    for b, train in enumerate(events):
        inputs = [f"in_b{b}_{j}" for j in range(image.n_inputs)]
        lines += [netlist.event_source(DEVICES, node, train[:, j] > 0) for j, node in enumerate(inputs)]
        samples.append(image_neurons(image, codes, f"b{b}", inputs))
        lines += [line for layer in samples[-1] for neuron in layer for line in netlist.neuron_lines(DEVICES, neuron)]
    every = [neuron for sample in samples for layer in sample for neuron in layer]
    # One step more than the trains: the last step's spikes travel through the layers.
    traces = iter(run_neurons(lines, every, events.shape[1] + 1, "a small image"))
    return [[[next(traces) for _ in layer] for layer in sample] for sample in samples]
