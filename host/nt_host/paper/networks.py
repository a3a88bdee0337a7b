"""The feed-forward network of tables 1 to 5: frozen dense layers whose neurons are modulated, and a digital head.

    u_0 = m_0(x)
    z_l = W_l u_(l-1) + b_l,    u_l = relu(m_l(z_l))          m(z) = g * z (multiplicative) or z + a (additive)
    answer = V u_L + c                                       V, c: the head, always trained

W and b come from the pretrained network and stay (but for full fine-tuning, which has no m); g begins at 1, a at 0. The
outputs of the last frozen layer are modulated and rectified only where `FrozenLayers.tunes_outputs` says so.

NT1 puts 1 in place of the rectifier's derivative, NT2 takes the derivative: this project's reading, as in the rules of
the same names; how the paper words its NT2 is not known here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nt_host.paper.frozen import FrozenLayers
from nt_host.paper.recipe import Tuning


class PlainRectifier(torch.autograd.Function):
    """A rectifier whose derivative is taken as 1 everywhere."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor) -> Tensor:
        """Positive part of ``drive``, any shape."""
        return torch.clamp(drive, min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient as it is."""
        return gradients[0]


class TunedNetwork(nn.Module):
    """Frozen layers, what is tuned of them, and a head.

    Args:
        frozen: L layers.
        n_classes: outputs of the head.
        tuning: what learns.
        generator: draws the head's first weights.
    """

    def __init__(self, frozen: FrozenLayers, n_classes: int, tuning: Tuning, generator: torch.Generator) -> None:
        super().__init__()
        self._tuning = tuning
        self._tunes_outputs = frozen.tunes_outputs
        learns = tuning.method == "tft"
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.tensor(each), requires_grad=learns) for each in frozen.weights]
        )
        self.biases = nn.ParameterList(
            [nn.Parameter(torch.tensor(each), requires_grad=learns) for each in frozen.biases]
        )
        first = 0.0 if tuning.method == "additive" else 1.0
        self.moves = nn.ParameterDict(
            {
                str(index): nn.Parameter(torch.full((size,), first))
                for index, size in enumerate(frozen.feed_forward_groups)
                if tuning.moves_neurons and not (tuning.is_fewer and index == 0)
            }
        )
        n_outputs = frozen.sizes[-1]
        limit = n_outputs**-0.5
        self.head_weight = nn.Parameter((2 * torch.rand(n_classes, n_outputs, generator=generator) - 1) * limit)
        self.head_bias = nn.Parameter(torch.zeros(n_classes))

    @property
    def n_tuned(self) -> int:
        """Parameters that learn."""
        return sum(each.numel() for each in self.parameters() if each.requires_grad)

    def _modulated(self, drive: Tensor, index: int) -> Tensor:
        if str(index) not in self.moves:
            return drive
        move = self.moves[str(index)]
        return drive + move if self._tuning.method == "additive" else drive * move

    def _rectified(self, drive: Tensor) -> Tensor:
        if self._tuning.method == "nt1":
            rectified: Tensor = PlainRectifier.apply(drive)  # type: ignore[no-untyped-call]
            return rectified
        return functional.relu(drive)

    @property
    def is_first_drive_fixed(self) -> bool:
        """Whether nothing that learns stands before the first layer's drives, so that they need computing but once."""
        return self._tuning.method != "tft" and "0" not in self.moves

    def first_drive(self, x: Tensor) -> Tensor:
        """Drives z_1 (B, N) of the first layer to features ``x`` (B, M)."""
        return functional.linear(self._modulated(x, 0), self.weights[0], self.biases[0])

    def forward(self, x: Tensor) -> Tensor:
        """Answers (B, C) to features ``x`` (B, M)."""
        return self.from_first_drive(self.first_drive(x))

    def from_first_drive(self, drive: Tensor) -> Tensor:
        """Answers (B, C) to the first layer's drives (B, N)."""
        last = len(self.weights) - 1
        for index in range(last):
            activity = self._rectified(self._modulated(drive, index + 1))
            drive = functional.linear(activity, self.weights[index + 1], self.biases[index + 1])
        if self._tunes_outputs:
            drive = self._rectified(self._modulated(drive, last + 1))
        return functional.linear(drive, self.head_weight, self.head_bias)
