"""Worlds: what makes a network *tunable* rather than merely accurate.

A network trained on one world has no reason to leave its gains anything useful to do. Here several worlds run side by
side: the same labelled samples, each time distorted in one way that all samples of a world share (a tilt, a noise
level). Every world has log gains of its own, which start at 0 when it enters and are learnt while it stays; weights,
biases and thresholds are shared. After its life a world makes room for a new one, so the weights keep being asked to
be quick to tune, not to know a fixed list. World 0 is the undistorted one, with every gain at 1: the codes at 128.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nt_host.pretrain.spec import PretrainError, TrainSpec

WorldMaker = Callable[[np.random.Generator], NDArray[np.uint8]]
"""Draws a world: all training samples, same order, encoded, (S, M) uint8."""

GAIN_BETAS = (0.8, 0.99)
LOWEST_LOG_GAIN = math.log(0.25)
HIGHEST_LOG_GAIN = math.log(1.95)


class Worlds:
    """The inputs and log gains of world 0 and of ``spec.worlds`` distorted ones.

    Args:
        spec: number of worlds, life, rates, seed.
        events: (S, M) uint8, world 0.
        draw: makes another world.
        sizes: neurons per layer.
    """

    def __init__(self, spec: TrainSpec, events: NDArray[np.uint8], draw: WorldMaker, sizes: list[int]) -> None:
        self._spec = spec
        self._draw = draw
        self._rng = np.random.default_rng(spec.seed)
        self.inputs = torch.zeros((spec.worlds + 1, *events.shape), dtype=torch.uint8)
        self.inputs[0] = torch.from_numpy(events)
        for world in range(1, spec.worlds + 1):
            self._enter(world)
        self.log_gain = [nn.Parameter(torch.zeros(spec.worlds + 1, neurons)) for neurons in sizes]
        self._optimiser = torch.optim.Adam(self.log_gain, lr=spec.world_rate, betas=GAIN_BETAS)
        # Staggered, so that at any time some worlds are new and some are settled.
        self._born = [-(spec.world_life * world) // spec.worlds for world in range(1, spec.worlds + 1)]

    def _enter(self, world: int) -> None:
        drawn = self._draw(self._rng)
        expected = tuple(self.inputs.shape[1:])
        if drawn.shape != expected or drawn.dtype != np.uint8:
            raise PretrainError(f"a drawn world is {drawn.dtype} {drawn.shape}; uint8 {expected} is needed")
        self.inputs[world] = torch.from_numpy(drawn)

    def pick(self, batch: int, generator: torch.Generator) -> Tensor:
        """World of each of ``batch`` samples, (B,) int64; the first ``clean_share`` of them are world 0."""
        which = torch.randint(1, self._spec.worlds + 1, (batch,), generator=generator)
        which[: int(batch * self._spec.clean_share)] = 0
        return which

    def step(self) -> None:
        """Move the log gains by the gradients that the loss left; those of world 0 stay at 0."""
        for parameter in self.log_gain:
            if parameter.grad is not None:
                parameter.grad[0] = 0
        self._optimiser.step()
        self._optimiser.zero_grad()
        with torch.no_grad():
            for parameter in self.log_gain:
                parameter.clamp_(LOWEST_LOG_GAIN, HIGHEST_LOG_GAIN)

    def refresh(self, step: int) -> None:
        """Replace the worlds whose life is over; none in the last half life, so that all end settled."""
        if step >= self._spec.steps - self._spec.world_life // 2:
            return
        for index, born in enumerate(self._born):
            if step - born >= self._spec.world_life:
                self._born[index] = step
                self._enter(index + 1)
                self._forget(index + 1)

    def _forget(self, world: int) -> None:
        with torch.no_grad():
            for parameter in self.log_gain:
                parameter[world] = 0
                moments = self._optimiser.state.get(parameter, {})
                for name in ("exp_avg", "exp_avg_sq"):
                    if name in moments:
                        moments[name][world] = 0
