"""Energy of the same network on a CPU and on a GPU, from published figures; both are bounds from below.

CPU: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, 45 nm, 0.9 V: a 32-bit float
multiplication 3.7 pJ and addition 0.9 pJ, a 32-bit integer multiplication 3.1 pJ and addition 0.1 pJ, and 5 pJ per
32-bit operand (half of a 64-bit access to an 8 KiB cache). Fetching and decoding instructions, larger caches and DRAM
are left out; with them a CPU takes several times more.
GPU: NVIDIA Tesla V100, 300 W at 15 TFLOP/s in single precision (figures of its announcement at GTC 2017), hence 20 pJ
per operation at its best, which a network of this size and a batch of a few samples do not reach.
"""

from __future__ import annotations

from dataclasses import dataclass

from nt_model.image import Image

OPERAND_PJ = 5.0
CPU_FLOAT_MAC_PJ = 3.7 + 0.9 + 2 * OPERAND_PJ
CPU_INTEGER_MAC_PJ = 3.1 + 0.1 + 2 * OPERAND_PJ
GPU_FLOAT_MAC_PJ = 2 * 300.0 / 15.0
"""Two operations per MAC; W per TFLOP/s is pJ per operation."""
NANO_PER_PICO = 1e-3
BACKWARD_FACTOR = 2
"""Full fine-tuning multiplies twice more per weight: gradients of the inputs and of the weights."""


@dataclass(frozen=True)
class DigitalEnergy:
    """Nanojoule on a CPU and on a GPU."""

    cpu_nj: float
    gpu_nj: float


def inference_energy(image: Image) -> DigitalEnergy:
    """One dense float forward pass of the network, once: a digital network needs no T steps for the same answer."""
    return _float_macs(image.n_synapses)


def tuning_step_energy(image: Image, batch_size: int) -> DigitalEnergy:
    """One step of full fine-tuning on `batch_size` samples, forward and backward; the optimiser's own arithmetic is
    left out."""
    return _float_macs((1 + BACKWARD_FACTOR) * image.n_synapses * batch_size)


def _float_macs(count: int) -> DigitalEnergy:
    return DigitalEnergy(count * CPU_FLOAT_MAC_PJ * NANO_PER_PICO, count * GPU_FLOAT_MAC_PJ * NANO_PER_PICO)


def update_energy_nj(image: Image, batch_size: int) -> float:
    """Arithmetic of a rule that sends errors back through the image's weights, nanojoule on a CPU's integers: one
    multiplication per sample and synapse above the first layer."""
    macs = sum(layer.n_neurons * layer.n_inputs for layer in image.layers[1:]) * batch_size
    return macs * CPU_INTEGER_MAC_PJ * NANO_PER_PICO
