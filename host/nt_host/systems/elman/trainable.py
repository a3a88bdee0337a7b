"""The Elman network in PyTorch, in three stages: float, constrained to 16 levels, and with the array's own counts.

Activities are rates 0..1 (level / 15). A neuron's charge over a presentation is 15 times its mean current; float
neurons have the rate clip(I / theta, 0, 1), constrained ones its 16 levels, and spiking ones the count that the array's
equations give step by step for the same inputs. Gradients pass straight through to the float rate (Bengio et al. 2013,
arXiv:1308.3432); so the spiking stage matches the trained responses to those of the array's neurons, which is the last
step of Diehl et al. 2016 (arXiv:1601.04187), with training.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np
import torch
from torch import Tensor, nn

from nt_host.compile import NetworkLayer
from nt_host.encode import encode
from nt_host.pretrain.spiking_layer import LATENT_LIMIT, rounded
from nt_host.systems.elman.constrained import ONE_Q8, ElmanNetwork
from nt_host.systems.elman.spec import N_STEPS, TOP_LEVEL, ElmanSpec
from nt_model.image import EncoderSpec

OUTSIDE_SLOPE = 0.05
"""Share of the gradient that reaches neurons a full range below silence or above saturation, to bring them back."""
OFFSET_LSB = 5.0
START_THRESHOLD_LSB = 15.0
START_WEIGHT_LSB = 2.5
START_RECURRENT_LSB = 0.7
START_SELF_LSB = 7.0
"""A neuron starts as a leaky memory of itself, as in Le et al. 2015 (arXiv:1504.00941)."""


class Stage(Enum):
    """How activities and weights are held."""

    FLOAT = "float"
    CONSTRAINED = "constrained"
    SPIKING = "spiking"


def spread_table() -> Tensor:
    """(16, 15): the events of each level, step by step, as the image's encoder spreads them."""
    spec = EncoderSpec("rate", "none", TOP_LEVEL, np.zeros(1, np.float32), np.full(1, 1 / TOP_LEVEL, np.float32))
    levels = np.arange(TOP_LEVEL + 1, dtype=np.float32)[:, None]
    return torch.from_numpy(encode(spec, levels, N_STEPS)[:, :, 0].astype(np.float32))


def straight_through(soft: Tensor, hard: Tensor) -> Tensor:
    """The value of `hard` with the gradient of `soft`."""
    return soft + (hard - soft).detach()


def float_rate(drive: Tensor) -> Tensor:
    """clip(drive, 0, 1) of a current over its threshold, with a small gradient outside."""
    wide = torch.clamp(drive, -1, 2)
    return torch.clamp(drive, 0, 1) + OUTSIDE_SLOPE * (wide - wide.detach())


def spikes_of(currents: Tensor, threshold: Tensor) -> Tensor:
    """Raster (..., T, N) of the array's neurons at rest before the first step, for currents of that shape in LSB."""
    membrane = torch.zeros_like(currents[..., 0, :])
    raster = []
    for step in range(currents.shape[-2]):
        membrane = membrane + currents[..., step, :]
        spike = membrane >= threshold
        membrane = membrane.masked_fill(spike, 0.0)
        raster.append(spike)
    return torch.stack(raster, dim=-2).to(currents.dtype)


class ElmanLayer(nn.Module):
    """Neurons with latent weights (N, M) in LSB where `joined` (N, M) is 1; offsets and thresholds train too."""

    joined: Tensor

    def __init__(self, latent: Tensor, joined: Tensor) -> None:
        super().__init__()
        self.latent = nn.Parameter(latent)
        self.offset = nn.Parameter(torch.full((len(latent),), 0.2))
        self.log_threshold = nn.Parameter(torch.full((len(latent),), math.log(START_THRESHOLD_LSB)))
        self.register_buffer("joined", joined)

    def weight(self, stage: Stage) -> Tensor:
        return self.joined * (self.latent if stage is Stage.FLOAT else rounded(self.latent))

    def bias(self, stage: Stage) -> Tensor:
        bias = OFFSET_LSB * self.offset
        return bias if stage is Stage.FLOAT else straight_through(bias, bias.round())

    def threshold(self, stage: Stage) -> Tensor:
        threshold = torch.exp(self.log_threshold)
        whole = torch.clamp(torch.round(threshold * ONE_Q8), min=1) / ONE_Q8
        return threshold if stage is Stage.FLOAT else straight_through(threshold, whole)

    def folded(self) -> NetworkLayer:
        """The constrained layer in integers."""
        with torch.no_grad():
            stage = Stage.CONSTRAINED
            weight, bias = (part.numpy().astype(np.int64) for part in (self.weight(stage), self.bias(stage)))
            threshold_q8 = torch.round(self.threshold(stage) * ONE_Q8).numpy().astype(np.int64)
        return NetworkLayer(weight, bias, threshold_q8)


class ElmanTrainable(nn.Module):
    """The network of `spec` for `n_words` words and `n_classes` classes; `generator` draws weights and connections."""

    spread: Tensor

    def __init__(self, spec: ElmanSpec, n_words: int, n_classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self._spec, self._n_classes, self._generator = spec, n_classes, generator
        self.vectors = nn.Parameter(0.35 + 0.25 * self._normal(n_words, spec.word_inputs))
        self.hidden = self._hidden_layer()
        outputs = n_classes * spec.population
        self.output = ElmanLayer(
            self._normal(outputs, spec.hidden) * START_WEIGHT_LSB, torch.ones(outputs, spec.hidden)
        )
        self.register_buffer("spread", spread_table())

    def _normal(self, rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=self._generator)

    def _chosen(self, columns: int, fan_in: int, always: int | None = None) -> Tensor:
        """0/1 (columns,) with `fan_in` ones, one of them at `always`."""
        order = torch.randperm(columns, generator=self._generator)
        if always is not None:
            order = torch.cat([torch.tensor([always]), order[order != always]])
        joined = torch.zeros(columns)
        joined[order[:fan_in]] = 1
        return joined

    def _hidden_layer(self) -> ElmanLayer:
        spec = self._spec
        words = torch.stack([self._chosen(spec.word_inputs, spec.word_fan_in) for _ in range(spec.hidden)])
        itself = [self._chosen(spec.hidden, spec.recurrent_fan_in, neuron) for neuron in range(spec.hidden)]
        from_words = self._normal(spec.hidden, spec.word_inputs) * START_WEIGHT_LSB
        from_hidden = self._normal(spec.hidden, spec.hidden) * START_RECURRENT_LSB
        from_hidden = from_hidden + START_SELF_LSB * torch.eye(spec.hidden)
        return ElmanLayer(torch.cat([from_words, from_hidden], dim=1), torch.cat([words, torch.stack(itself)], dim=1))

    def clamp(self) -> None:
        """Keep weights and word vectors where the rounding still sees them move."""
        with torch.no_grad():
            for layer in (self.hidden, self.output):
                layer.latent.clamp_(-LATENT_LIMIT, LATENT_LIMIT)
            self.vectors.clamp_(-0.2, 1.2)

    def network(self) -> ElmanNetwork:
        """The constrained network in integers; weights lie within -7..7."""
        with torch.no_grad():
            levels = torch.round(torch.clamp(self.vectors, 0, 1) * TOP_LEVEL).numpy().astype(np.uint8)
        readout = np.repeat(np.arange(self._n_classes, dtype=np.uint16), self._spec.population)
        return ElmanNetwork(levels, self.hidden.folded(), self.output.folded(), readout)

    def word_rates(self, words: Tensor, stage: Stage) -> Tensor:
        """Activities (B, L, D) of the words (B, L), 0..1."""
        rates = torch.clamp(self.vectors[words], 0, 1)
        return rates if stage is Stage.FLOAT else straight_through(rates, torch.round(rates * TOP_LEVEL) / TOP_LEVEL)

    def events(self, rates: Tensor) -> Tensor:
        """Events (..., T, M) of activities (..., M) in whole levels."""
        return self.spread[torch.round(rates.detach() * TOP_LEVEL).long()].transpose(-1, -2)

    def hidden_states(self, word_rates: Tensor, stage: Stage, gain: Tensor) -> tuple[Tensor, Tensor | None]:
        """Activities (B, L, H) of the hidden layer after each word, and its raster (B, L, T, H) in the spiking stage.

        `word_rates` (B, L, D); `gain` (H,) multiplies every current.
        """
        n_words = self._spec.word_inputs
        weight, bias, threshold = (
            part(stage) for part in (self.hidden.weight, self.hidden.bias, self.hidden.threshold)
        )
        threshold = threshold / gain
        from_words = word_rates @ weight[:, :n_words].T + bias
        spiking = stage is Stage.SPIKING
        with torch.no_grad():
            word_steps = self.events(word_rates) @ weight[:, :n_words].T + bias if spiking else None
        state = torch.zeros(len(word_rates), self._spec.hidden)
        states, rasters = [], []
        for place in range(word_rates.shape[1]):
            drive = (from_words[:, place] + state @ weight[:, n_words:].T) / threshold
            rate = float_rate(drive)
            if stage is Stage.CONSTRAINED:
                rate = straight_through(rate, torch.clamp(torch.floor(drive * TOP_LEVEL), 0, TOP_LEVEL) / TOP_LEVEL)
            if word_steps is not None:
                with torch.no_grad():
                    fed_back = self.events(state) @ weight[:, n_words:].T
                    rasters.append(spikes_of(word_steps[:, place] + fed_back, threshold))
                rate = straight_through(rate, rasters[-1].mean(dim=1))
            state = rate
            states.append(state)
        return torch.stack(states, dim=1), torch.stack(rasters, dim=1) if rasters else None

    def output_rates(self, states: Tensor, raster: Tensor | None, stage: Stage, gain: Tensor) -> Tensor:
        """Activities (B, L, N_out) of the output layer; unbounded in the float stage, whose readout is linear."""
        weight, bias, threshold = (
            part(stage) for part in (self.output.weight, self.output.bias, self.output.threshold)
        )
        threshold = threshold / gain
        drive = (states @ weight.T + bias) / threshold
        if stage is Stage.FLOAT:
            return drive
        if raster is None:
            hard = torch.clamp(torch.floor(drive * TOP_LEVEL), 0, TOP_LEVEL) / TOP_LEVEL
        else:
            with torch.no_grad():
                hard = spikes_of(raster @ weight.T + bias, threshold).mean(dim=-2)
        return straight_through(float_rate(drive), hard)

    def gains(self, sigma: float) -> tuple[Tensor, Tensor]:
        """Gains of the hidden and of the output neurons, log-normal with spread `sigma`."""
        sizes = (self._spec.hidden, self._n_classes * self._spec.population)
        hidden, output = (torch.exp(sigma * torch.randn(size, generator=self._generator)) for size in sizes)
        return hidden, output

    def scores(
        self, words: Tensor, lengths: Tensor, stage: Stage, keep: Tensor | None = None, gain_sigma: float = 0.0
    ) -> Tensor:
        """Class scores (B, C): output activities, mean of the population, summed over the words that count.

        `words` (B, L), `lengths` (B,), `keep` (B, 1, D) 0/1 or None: word inputs that are not silenced.
        """
        rates = self.word_rates(words, stage)
        if keep is not None:
            rates = rates * keep
        gain_hidden, gain_output = self.gains(gain_sigma)
        states, raster = self.hidden_states(rates, stage, gain_hidden)
        outputs = self.output_rates(states, raster, stage, gain_output)
        place = torch.arange(words.shape[1])
        counted = place == lengths[:, None] - 1 if self._spec.last_state else place < lengths[:, None]
        total = (outputs * counted[:, :, None]).sum(dim=1)
        return total.view(len(words), self._n_classes, self._spec.population).mean(dim=2)
