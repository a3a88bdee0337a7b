"""How many parameters each way of tuning changes, from layer sizes alone.

The counts of the paper's tables 3, 5 and 8 follow from VGG-19's classifier, 25088-4096-4096-1000, and from the number
of classes of the new task: 10 (STL-10), 11 (Food-11), 4 (BCCD). A head is a dense layer with bias from the 1000 outputs
to the classes: 10,010, 11,011 and 4,004 parameters.

| setting | neurons with a gain | gains | with the heads |
|---|---|---|---|
| table 3, feed-forward | all that feed a frozen layer: 25088 + 4096 + 4096 | 33,280 | 43,290, 44,291, 37,284 |
| table 5, fewer parameters | the hidden ones: 4096 + 4096 | 8,192 | 18,202, 19,203, 12,196 |
| table 8, spiking | all that spike in the classifier: 4096 + 4096 + 1000 | 9,192 | 9,192 without, 20,203, 13,196 |

Full fine-tuning of the frozen layers: 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000 = 123,642,856, the
paper's 123.6 million (STL-10's head included it would be 123,652,866, so 123.6 million leaves the heads out).

Which neurons are meant was worked out from the sums: no other set of whole layers gives them. That table 8 has no head
for its first task is part of that: 9,192 has no room for one, and STL-10's classes have counterparts in ImageNet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from nt_model.errors import UsageError

VGG19_CLASSIFIER = (25088, 4096, 4096, 1000)
PAPER_CLASSES: Mapping[str, int] = {"STL-10": 10, "Food-11": 11, "BCCD": 4}

PAPER_FEED_FORWARD: Mapping[str, int] = {"STL-10": 43_290, "Food-11": 44_291, "BCCD": 37_284}
PAPER_FEWER: Mapping[str, int] = {"STL-10": 18_202, "Food-11": 19_203, "BCCD": 12_196}
PAPER_SPIKING: Mapping[str, int] = {"STL-10": 9_192, "Food-11": 20_203, "BCCD": 13_196}
PAPER_FULL_MILLION = 123.6


def _checked(sizes: Sequence[int]) -> Sequence[int]:
    if len(sizes) < 2 or min(sizes) < 1:
        raise UsageError("layer sizes are at least two numbers above 0", evidence=str(tuple(sizes)))
    return sizes


def head_parameters(n_inputs: int, n_classes: int) -> int:
    """Weights and biases of a dense head from `n_inputs` neurons to `n_classes` classes."""
    return n_inputs * n_classes + n_classes


def full_parameters(sizes: Sequence[int]) -> int:
    """Weights and biases of dense layers of `sizes` (inputs first): what full fine-tuning changes, heads left out."""
    return sum(head_parameters(n_inputs, n_neurons) for n_inputs, n_neurons in pairwise(_checked(sizes)))


def feeding_gains(sizes: Sequence[int]) -> int:
    """One gain for each neuron that feeds a frozen layer: all but the last of `sizes`."""
    return sum(_checked(sizes)[:-1])


def hidden_gains(sizes: Sequence[int]) -> int:
    """One gain for each hidden neuron: neither the first nor the last of `sizes`."""
    return sum(_checked(sizes)[1:-1])


def spiking_gains(sizes: Sequence[int]) -> int:
    """One gain for each neuron that spikes in the layers: all but the first of `sizes`."""
    return sum(_checked(sizes)[1:])


def paper_feed_forward(task: str) -> int:
    """Tuned parameters of table 3 for a task of `PAPER_CLASSES`, head included."""
    return feeding_gains(VGG19_CLASSIFIER) + head_parameters(VGG19_CLASSIFIER[-1], PAPER_CLASSES[task])


def paper_fewer(task: str) -> int:
    """Tuned parameters of table 5 for a task of `PAPER_CLASSES`, head included."""
    return hidden_gains(VGG19_CLASSIFIER) + head_parameters(VGG19_CLASSIFIER[-1], PAPER_CLASSES[task])


def paper_spiking(task: str) -> int:
    """Tuned parameters of table 8 for a task of `PAPER_CLASSES`; STL-10 has no head."""
    head = 0 if task == "STL-10" else head_parameters(VGG19_CLASSIFIER[-1], PAPER_CLASSES[task])
    return spiking_gains(VGG19_CLASSIFIER) + head
