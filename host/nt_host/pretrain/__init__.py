"""Pretraining: float features in, a frozen integer network out. Only ``spike_train`` needs PyTorch."""

from nt_host.pretrain.encode import CountEncoder, fit_encoder
from nt_host.pretrain.spec import PretrainError, TrainedLayer, TrainedNetwork, TrainProgress, TrainSpec

__all__ = [
    "CountEncoder",
    "PretrainError",
    "TrainProgress",
    "TrainSpec",
    "TrainedLayer",
    "TrainedNetwork",
    "fit_encoder",
]
