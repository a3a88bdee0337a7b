"""Trained networks, kept in the study's folder: training takes minutes, and a killed study goes on from them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nt_host.systems.eqprop.digits import Digits
from nt_host.systems.eqprop.network import Network
from nt_host.systems.eqprop.train import TrainSettings, predicted, train
from nt_model.errors import UsageError
from nt_model.image_file import write_atomically


@dataclass(frozen=True, eq=False)
class Trained:
    """A network as it runs, and its accuracy 0..1 on held-out images after each epoch, where there were any."""

    network: Network
    curve: tuple[float, ...]


def kept_path(folder: Path, how: TrainSettings, n_images: int, seed: int) -> Path:
    """Where the network of these settings lies; another setting has another name."""
    digest = hashlib.sha256(f"{how!r} {n_images}".encode()).hexdigest()[:10]
    return folder / f"eqprop-{digest}-seed{seed}.npz"


def trained(folder: Path, fit: Digits, held_out: Digits | None, how: TrainSettings, seed: int) -> Trained:
    """Train on `fit`, or read what an earlier run kept in `folder`; UsageError where that file is damaged."""
    path = kept_path(folder, how, len(fit.labels), seed)
    if path.is_file():
        return _read(path)
    curve: list[float] = []

    def judge(epoch: int, network: Network) -> None:
        if held_out is not None:
            curve.append(float((predicted(network, held_out.x, how.relaxation) == held_out.labels).mean()))

    found = Trained(train(fit.x, fit.labels, how, seed, judge), tuple(curve))
    _write(path, found)
    return found


def _write(path: Path, found: Trained) -> None:
    network = found.network
    arrays: dict[str, Any] = {f"weight{k}": weight for k, weight in enumerate(network.weights)}
    arrays |= {f"bias{k}": bias for k, bias in enumerate(network.biases)}
    buffer = io.BytesIO()
    np.savez(buffer, steps=np.array(network.steps), curve=np.array(found.curve), **arrays)
    write_atomically(path, buffer.getvalue())


def _read(path: Path) -> Trained:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            n_layers = sum(name.startswith("weight") for name in arrays.files)
            network = Network(
                tuple(arrays[f"weight{k}"] for k in range(n_layers)),
                tuple(arrays[f"bias{k}"] for k in range(n_layers)),
                tuple(float(step) for step in arrays["steps"]),
            )
            return Trained(network, tuple(float(value) for value in arrays["curve"]))
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            "a kept network cannot be read", evidence=f"{path}: {error}", next_step="delete the file and run again"
        ) from error
