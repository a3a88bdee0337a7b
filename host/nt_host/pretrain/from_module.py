"""A user's own trained torch module as the start of spike-aware training.

The module's linear layers become the layers of the array. A unit of the module is active above 0, a neuron of the
array above its threshold; so a neuron starts with its unit's weights, scaled to the array's range row by row, and with
the offset at which it spikes on the share of samples that bring its unit above 0 (``spiking_layer``: offset = h +
mean / deviation of the unit's value before its activation). What reads a spike starts with the weight times what the
spike stands for: the unit's mean value where it is active, less that where it is not. An output unit becomes
`population` neurons, made a little unlike each other so that training can tell them apart. The rest is left to the
training that follows.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nt_host.pretrain.encode import CountEncoder
from nt_host.pretrain.spec import PretrainError, TrainSpec
from nt_host.pretrain.spiking_layer import INITIAL_WEIGHT_LSB, SMALLEST_DEVIATION_LSB, SpikingLayer
from nt_model.errors import UsageError

OFFSET_LIMIT = 3.0
"""Deviations: a unit that is always or never active starts as a neuron that nearly always or never is."""
UNLIKENESS = 0.1
"""Noise on the copies of an output unit, relative to the root mean square of its weights."""
NEXT_STEP = "name a module, or a function without arguments that makes one: `--module FILE.py:NAME`"


@dataclass(frozen=True, eq=False)
class LayerStart:
    """Where one layer starts.

    Attributes:
        weight_lsb: (N, M) float32, latent weights in weight LSB.
        height: (N,) float32, deviations by which the neuron's mean current lies above its threshold.
    """

    weight_lsb: NDArray[np.float32]
    height: NDArray[np.float32]


def load_module(reference: str) -> nn.Module:
    """The module that `reference`, 'FILE.py:NAME', names; runs the file's code.

    Raises:
        UsageError: no such file or name, or what it names is no module.
    """
    file, _, name = reference.rpartition(":")
    path = Path(file)
    if not name or not path.is_file():
        raise UsageError("there is no such module file", evidence=reference, next_step=NEXT_STEP)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError("this is no Python file", evidence=file, next_step=NEXT_STEP)
    code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    found: Any = getattr(code, name, None)
    if not isinstance(found, nn.Module) and callable(found):
        found = found()
    if not isinstance(found, nn.Module):
        raise UsageError(
            "this names no torch module", evidence=f"'{name}' in {file} is {type(found).__name__}", next_step=NEXT_STEP
        )
    return found


def spec_of_module(module: nn.Module, spec: TrainSpec) -> TrainSpec:
    """`spec` with the hidden layers of `module`."""
    return replace(spec, hidden=tuple(layer.out_features for layer in _linear_layers(module)[:-1]))


def _linear_layers(module: nn.Module) -> list[nn.Linear]:
    """Layers of `module` that hold parameters, in the order in which it names them.

    Raises:
        PretrainError: one is not linear, or there is none.
    """
    holders = [each for each in module.modules() if list(each.parameters(recurse=False))]
    others = sorted({type(each).__name__ for each in holders if not isinstance(each, nn.Linear)})
    if others or not holders:
        raise PretrainError(
            f"the array holds linear layers alone; this module has {', '.join(others) or 'no layer with weights'}"
        )
    return [each for each in holders if isinstance(each, nn.Linear)]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What went into and came out of a linear layer: (S, M) and (S, N)."""

    inputs: Tensor
    outputs: Tensor


def _watched(module: nn.Module, layers: list[nn.Linear], features: NDArray[np.floating]) -> list[_Seen]:
    """What every linear layer saw of `features` (S, F).

    Raises:
        PretrainError: the layers do not form a chain in which each is used once.
    """
    order: list[nn.Linear] = []
    found: list[_Seen] = []

    def seen(layer: nn.Module, given: tuple[Tensor, ...], value: Tensor) -> None:
        assert isinstance(layer, nn.Linear)
        order.append(layer)
        found.append(_Seen(given[0], value))

    hooks = [layer.register_forward_hook(seen) for layer in layers]
    was_training = module.training
    try:
        module.eval()
        with torch.no_grad():
            module(torch.from_numpy(np.ascontiguousarray(features, np.float32)))
    except RuntimeError as error:
        raise PretrainError(f"the module does not take features of shape {features.shape}: {error}") from error
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    widths = [layer.in_features for layer in layers[1:]] == [layer.out_features for layer in layers[:-1]]
    if order != layers or not widths or any(each.outputs.ndim != 2 for each in found):
        raise PretrainError("the module's linear layers are not a chain in which each is used once, in order")
    return found


def _meaning(before: Tensor, after: Tensor) -> NDArray[np.float64]:
    """What a spike of each unit stands for, (N,): mean of its activation `after` (S, N) where its value `before` is
    above 0, less the mean where it is not; 0 for a unit that is always or never active."""
    active = (before > 0).double()
    share = active.mean(0)
    both = (share > 0) & (share < 1)
    high = (after * active).mean(0) / share.clamp(min=1e-9)
    low = (after * (1 - active)).mean(0) / (1 - share).clamp(min=1e-9)
    difference: NDArray[np.float64] = torch.where(both, high - low, torch.zeros_like(share)).numpy()
    return difference


def start_from_module(
    module: nn.Module, spec: TrainSpec, features: NDArray[np.floating], encoder: CountEncoder, class_count: int
) -> tuple[LayerStart, ...]:
    """Where every layer starts, input side first.

    Args:
        module: takes features (S, F) float32, gives scores (S, class_count).
        features: (S, F) of the source, as the module was trained on them.
        encoder: its event counts are the array's inputs; where it transforms features, the first layer's start is only
            as good as the transform is straight.

    Raises:
        PretrainError: the module holds other than a chain of linear layers, or sizes do not fit.
    """
    layers = _linear_layers(module)
    seen = _watched(module, layers, features)
    if layers[-1].out_features != class_count:
        raise PretrainError(f"the module has {layers[-1].out_features} outputs; the data has {class_count} classes")
    starts = []
    for index, (layer, here) in enumerate(zip(layers, seen, strict=True)):
        weight = layer.weight.detach().numpy().astype(np.float64)
        if index == 0:
            weight = np.concatenate([weight, -weight], axis=1) / np.tile(encoder.scale, 2)
        else:
            weight = weight * _meaning(seen[index - 1].outputs, here.inputs)
        height = (here.outputs.mean(0) / (here.outputs.std(0, unbiased=False) + SMALLEST_DEVIATION_LSB)).numpy()
        starts.append(LayerStart(_in_lsb(weight), np.clip(height, -OFFSET_LIMIT, OFFSET_LIMIT).astype(np.float32)))
    return (*starts[:-1], _populated(starts[-1].weight_lsb, spec))


def _in_lsb(weight: NDArray[np.float64]) -> NDArray[np.float32]:
    rms = np.sqrt(np.mean(weight**2, axis=1, keepdims=True)) + SMALLEST_DEVIATION_LSB**2
    return (INITIAL_WEIGHT_LSB * weight / rms).astype(np.float32)


def _populated(weight_lsb: NDArray[np.float32], spec: TrainSpec) -> LayerStart:
    """The output layer: `population` neurons for each row of `weight_lsb`. Scores count against each other and not
    against 0, so that it starts at the height that it has without a module."""
    weight = np.repeat(weight_lsb, spec.population, axis=0)
    noise = np.random.default_rng(spec.seed).standard_normal(weight.shape)
    unlike = (weight + UNLIKENESS * INITIAL_WEIGHT_LSB * noise).astype(np.float32)
    return LayerStart(unlike, np.full(len(weight), -spec.output_start, np.float32))


def begin_at(layers: list[SpikingLayer], starts: tuple[LayerStart, ...], spec: TrainSpec) -> None:
    """Put `layers` where `starts` say."""
    with torch.no_grad():
        for layer, start in zip(layers, starts, strict=True):
            layer.latent.copy_(torch.from_numpy(start.weight_lsb))
            layer.offset.copy_(torch.from_numpy(start.height) + spec.threshold_sigmas)
            layer.clamp_latent()
