"""Which ImageNet labels mean a class of CIFAR-10 or STL-10, so that those need no head.

Indices count from 0 as in torchvision's networks (tench first). Chosen by reading the labels, not by any accuracy: deer
are ImageNet's antelopes, monkeys include apes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LABELS: Mapping[str, tuple[int, ...]] = {
    "airplane": (404, 895),
    "automobile": (436, 468, 511, 609, 627, 656, 751, 817),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "cat": tuple(range(281, 286)),
    "deer": (351, 352, 353),
    "dog": tuple(range(151, 269)),
    "frog": (30, 31, 32),
    "horse": (339,),
    "monkey": tuple(range(365, 383)),
    "ship": (510, 554, 625, 628, 724, 814, 914),
    "truck": (555, 569, 675, 717, 864, 867),
}
OTHER_NAMES = {"car": "automobile"}


def class_outputs(names: Sequence[str], first_label: int) -> tuple[tuple[int, ...], ...]:
    """Outputs of each class in `names`; `first_label` is the output that means tench (1 where 0 is background)."""
    return tuple(tuple(label + first_label for label in LABELS[OTHER_NAMES.get(name, name)]) for name in names)
