"""Network files: NPZ archives of plain arrays that `nt-host build` compiles (docs/spec.md, section 2).

Per layer i from 0: `weight_i` (N, M), `bias_i` (N,), `threshold_i` (N,); optional `domain_i` (N,) or (N, 2),
`leak_i`, `refractory_i`. Whole network: `readout_class` (N_out,) where more than one neuron serves a class,
`n_steps`, `encoder_kind`, `encoder_transform`, `encoder_levels`, `encoder_offset` (F,), `encoder_scale` (F,),
`class_names`. Integers are in the image's units (thresholds Q23.8); floats need `quantise`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_host.compile import NetworkLayer, compile_network, quantised
from nt_host.tasks.recordings import load_npz
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec, Image, own_domains

Arrays = Mapping[str, NDArray[np.generic]]


def _wanted(arrays: Arrays, name: str) -> NDArray[np.generic]:
    if name not in arrays:
        raise UsageError(
            f"the network file lacks the array '{name}'",
            evidence=f"it holds {', '.join(arrays) or 'nothing'}",
            next_step="save every array that `nt-host build --help` lists",
        )
    return arrays[name]


def _scalar(arrays: Arrays, name: str, default: int) -> int:
    if name not in arrays:
        return default
    if arrays[name].size != 1 or arrays[name].dtype.kind not in "iu":
        raise UsageError(
            f"{name} is not one whole number",
            evidence=f"{arrays[name].dtype} {arrays[name].shape}",
            next_step=f"save {name} as one integer",
        )
    return int(arrays[name].reshape(-1)[0].item())


def _layer(arrays: Arrays, index: int, quantise: bool) -> NetworkLayer:
    parts = [_wanted(arrays, f"{name}_{index}") for name in ("weight", "bias", "threshold")]
    neurons = len(parts[0]) if parts[0].ndim == 2 else -1
    for name, part in zip(("bias", "threshold"), parts[1:], strict=True):
        if part.shape != (neurons,):
            raise UsageError(
                f"{name}_{index} does not fit weight_{index}: one number per neuron is needed",
                evidence=f"{part.shape} against {parts[0].shape}",
                next_step="save (N, M), (N,) and (N,)",
            )
    layer = quantised(parts[0], parts[1], parts[2]) if quantise else NetworkLayer(parts[0], parts[1], parts[2])
    leak, refractory = _scalar(arrays, f"leak_{index}", 0), _scalar(arrays, f"refractory_{index}", 0)
    return NetworkLayer(layer.weight, layer.bias, layer.threshold_q8, leak, refractory)


def _domains(arrays: Arrays, layers: list[NetworkLayer]) -> list[NDArray[np.uint16]]:
    given = [f"domain_{index}" in arrays for index in range(len(layers))]
    if not any(given):
        return list(own_domains(tuple(len(layer.weight) for layer in layers)))
    maps = []
    for index, layer in enumerate(layers):
        column = _wanted(arrays, f"domain_{index}")
        neurons = len(layer.weight)
        if column.dtype.kind not in "iu" or column.shape not in ((neurons,), (neurons, 2)):
            raise UsageError(
                f"domain_{index} does not give one or two codes per neuron",
                evidence=f"{column.dtype} {column.shape}, {neurons} neurons",
                next_step="save whole numbers of shape (N,) or (N, 2)",
            )
        wide = column.astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise UsageError(
                f"domain_{index} holds a code number outside 0..65535",
                evidence=f"{int(wide.min())}..{int(wide.max())}",
                next_step="number the codes from 0",
            )
        both = wide.reshape(neurons, -1)
        maps.append(np.broadcast_to(both, (neurons, 2)).astype(np.uint16))
    return maps


def _encoder(arrays: Arrays) -> EncoderSpec:
    return EncoderSpec(
        kind=str(_wanted(arrays, "encoder_kind")),
        transform=str(arrays["encoder_transform"]) if "encoder_transform" in arrays else "none",
        levels=_scalar(arrays, "encoder_levels", 1),
        offset=_wanted(arrays, "encoder_offset").astype(np.float32),
        scale=_wanted(arrays, "encoder_scale").astype(np.float32),
    )


def build_image(path: Path, *, quantise: bool = False, metadata: Mapping[str, str] | None = None) -> Image:
    """Compile the network file at `path`.

    Args:
        quantise: scale float layers to 4 bits (see `nt_host.compile.quantised`).
        metadata: text to carry in the image.

    Raises:
        UsageError: the file cannot be read, an array is missing, misshapen or out of range (a weight outside
            -7..7), or the domain map has holes.
    """
    arrays = load_npz(path)
    n_layers = 0
    while f"weight_{n_layers}" in arrays:
        n_layers += 1
    layers = [_layer(arrays, index, quantise) for index in range(max(1, n_layers))]
    outputs = len(layers[-1].weight)
    readout = arrays.get("readout_class", np.arange(outputs)).astype(np.uint16)
    text = dict(metadata or {})
    if "class_names" in arrays:
        text["classes"] = json.dumps([str(name) for name in arrays["class_names"]], ensure_ascii=False)
    return compile_network(
        layers,
        readout,
        _encoder(arrays),
        domains=_domains(arrays, layers),
        n_steps=_scalar(arrays, "n_steps", 1),
        metadata=text,
    )
