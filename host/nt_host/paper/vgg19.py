"""VGG-19 of torchvision, from a file of its weights or through torchvision itself.

Layers as in configuration E of Simonyan and Zisserman 2015: 16 convolutions of 3 x 3 with rectifiers, five halvings,
7 x 7 average pooling, then the classifier 25088-4096-4096-1000. Names of the weights are torchvision's
(`features.0.weight`, `classifier.6.bias`). torchvision is needed only where no file of weights is given.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nt_host.paper.frozen import FrozenLayers
from nt_model.errors import EnvironmentMissingError, UsageError

CHANNELS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0)
"""Channels of the convolutions in order; 0 halves width and height."""
POOLED = 7
CLASSIFIER_NAMES = ("classifier.0", "classifier.3", "classifier.6")


def features_module(channels: tuple[int, ...] = CHANNELS) -> nn.Sequential:
    """The convolutions, pooled and flattened: images (B, 3, H, W) to features (B, channels * 49)."""
    layers: list[nn.Module] = []
    width = 3
    for each in channels:
        if each == 0:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(width, each, 3, padding=1), nn.ReLU(inplace=True)]
            width = each
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(POOLED), nn.Flatten())


def _from_torchvision() -> Mapping[str, Tensor]:
    if importlib.util.find_spec("torchvision") is None:
        raise EnvironmentMissingError(
            "there is no file of VGG-19's weights, and torchvision, which could fetch them, is not installed",
            evidence="no module 'torchvision'",
            next_step="put vgg19.pth (torchvision's vgg19-dcbb9e9d.pth) into the folder, or "
            "`pip install nt-host[paper]`",
        )
    # Imported where it is used: an optional extra.
    from torchvision.models import VGG19_Weights, vgg19

    found: Mapping[str, Tensor] = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).state_dict()
    return found


def read_weights(path: Path | None) -> Mapping[str, Tensor]:
    """Weights by torchvision's names from a `.pth` file, or (None) through torchvision.

    Raises:
        EnvironmentMissingError: no file is given and torchvision is missing.
        UsageError: the file is no table of tensors.
    """
    if path is None:
        return _from_torchvision()
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise _not_weights(path, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if not isinstance(found, dict) or not all(isinstance(each, Tensor) for each in found.values()):
        raise _not_weights(path, f"holds a {type(found).__name__} that is no table of tensors")
    return found


def _not_weights(path: Path, evidence: str) -> UsageError:
    return UsageError(
        "this is no file of VGG-19's weights",
        evidence=f"{path}: {evidence}",
        next_step="take torchvision's vgg19-dcbb9e9d.pth",
    )


def split_network(
    weights: Mapping[str, Tensor], channels: tuple[int, ...] = CHANNELS
) -> tuple[nn.Sequential, FrozenLayers]:
    """(the convolutions with their weights, the frozen classifier) of a table of weights by torchvision's names.

    Raises UsageError where a weight is missing or of another shape.
    """
    module = features_module(channels).eval().requires_grad_(False)
    prefix = "features."
    try:
        module.load_state_dict({name[len(prefix) :]: each for name, each in weights.items() if name.startswith(prefix)})
        layers = [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in CLASSIFIER_NAMES]
    except (KeyError, RuntimeError) as error:
        raise UsageError(
            "the weights are not those of VGG-19",
            evidence=str(error).splitlines()[0],
            next_step="take torchvision's vgg19-dcbb9e9d.pth (without batch normalisation)",
        ) from error
    frozen = FrozenLayers(
        "VGG-19's classifier",
        tuple(weight.float().numpy() for weight, _ in layers),
        tuple(bias.float().numpy() for _, bias in layers),
    )
    return module, frozen
