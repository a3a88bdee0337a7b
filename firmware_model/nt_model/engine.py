"""Engines: who computes the integers of a simulated chip. Chosen by name, never silently replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nt_model import array, learn
from nt_model.errors import UsageError
from nt_model.gate_learner import GateLearner, PlainGateLearner
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState, Spikes
from nt_model.operating import GainTables, Operating

ByteArray = NDArray[np.uint8]
ENGINES = ("c", "numpy")


@dataclass(frozen=True, eq=False)
class Forward:
    """Spike counts over T steps, one (B, N) uint8 per layer, and of each layer the (B, N) int32 membrane that the
    comparator saw in the last step (`compared_q8`) and the one that was left after it (`membrane_q8`)."""

    counts: tuple[ByteArray, ...]
    compared_q8: tuple[NDArray[np.int32], ...]
    membrane_q8: tuple[NDArray[np.int32], ...]


class Engine(Protocol):
    """Forward pass and learning step of one image; all engines give the same integers."""

    @property
    def name(self) -> str: ...

    @property
    def image(self) -> Image: ...

    def forward(self, operating: Operating, x: ByteArray, first_step: int) -> Forward:
        """x (B, T, M) uint8 events; first_step: the chip's time-step counter before the first sample."""
        ...

    def read_out(self, operating: Operating, x: ByteArray, first_step: int) -> tuple[ByteArray, NDArray[np.int32]]:
        """What a chip shows of `forward`: spike counts (B, N) uint8, all layers side by side, and the last layer's
        compared membranes (B, N_out) int32."""
        ...

    def forward_dithered(
        self, operating: Operating, plus: Operating, minus: Operating, x: ByteArray, first_step: int
    ) -> Spikes:
        """Plain spikes, and those at two other operating points with each layer fed by the plain spikes below."""
        ...

    def dithered_counts(self, tables: GainTables, codes: ByteArray, x: ByteArray, first_step: int) -> ByteArray:
        """`forward_dithered` at the three `codes` (3, n_codes) uint8 of one die: spike counts (3, B, N) uint8, all
        layers side by side."""
        ...

    def gates(
        self, tables: GainTables, codes: ByteArray, settings: LearnSettings, x: ByteArray, first_step: int
    ) -> ByteArray:
        """`learn.packed_gates` of a die at `codes` (n_codes,) uint8, dithered by the offsets of `settings`."""
        ...

    def learn_steps(
        self,
        state: LearnState,
        tables: GainTables,
        x: ByteArray,
        first_step: int,
        labels: NDArray[np.int64],
        settings: Sequence[LearnSettings],
    ) -> LearnState:
        """Learning steps of a die, one for each of `settings`: read-out at the codes, above and below them, and
        `learn`; x (n, B, T, M) uint8, labels (n, B) int64."""
        ...

    def learn(
        self, state: LearnState, spikes: Spikes, labels: NDArray[np.int64], settings: LearnSettings
    ) -> LearnState:
        """One learning step of rule `dmn` on a batch, labels (B,) int64."""
        ...

    def gate_learner(self, state: LearnState, settings: LearnSettings) -> GateLearner:
        """What makes learning steps from gates, beginning at `state`, which it leaves as it is."""
        ...


def gates_of_counts(
    engine: Engine, tables: GainTables, codes: ByteArray, settings: LearnSettings, x: ByteArray, first_step: int
) -> ByteArray:
    """What `Engine.gates` gives, by the other calls of the engine."""
    dithered = [learn.dithered_codes(engine.image, codes, settings, sign) for sign in (1, -1)]
    _, above, below = engine.dithered_counts(tables, np.stack([codes, *dithered]), x, first_step)
    return learn.packed_gates(above, below, len(engine.image.readout_class))


def learn_one_by_one(
    engine: Engine,
    state: LearnState,
    tables: GainTables,
    first_step: int,
    x: ByteArray,
    labels: NDArray[np.int64],
    settings: Sequence[LearnSettings],
) -> LearnState:
    """What `Engine.learn_steps` does, by the other calls of the engine."""
    for events, classes, chosen in zip(x, labels, settings, strict=True):
        codes = [learn.dithered_codes(engine.image, state.codes, chosen, sign) for sign in (1, -1)]
        plain, plus, minus = (tables.at(one) for one in (state.codes, *codes))
        spikes = engine.forward_dithered(plain, plus, minus, events, first_step)
        state = engine.learn(state, spikes, classes, chosen)
        first_step += events.shape[0] * events.shape[1]
    return state


@dataclass(frozen=True, eq=False)
class NumpyEngine:
    """The golden model itself."""

    image: Image
    name: str = "numpy"

    def forward(self, operating: Operating, x: ByteArray, first_step: int) -> Forward:
        responses = array.run(self.image, operating, x, first_step)
        return Forward(
            tuple(response.counts for response in responses),
            tuple(response.compared_q8 for response in responses),
            tuple(response.membrane_q8 for response in responses),
        )

    def read_out(self, operating: Operating, x: ByteArray, first_step: int) -> tuple[ByteArray, NDArray[np.int32]]:
        done = self.forward(operating, x, first_step)
        return np.concatenate(done.counts, axis=1), done.compared_q8[-1]

    def forward_dithered(
        self, operating: Operating, plus: Operating, minus: Operating, x: ByteArray, first_step: int
    ) -> Spikes:
        return Spikes(
            self.forward(operating, x, first_step).counts,
            array.run_dithered(self.image, operating, plus, x, first_step),
            array.run_dithered(self.image, operating, minus, x, first_step),
        )

    def dithered_counts(self, tables: GainTables, codes: ByteArray, x: ByteArray, first_step: int) -> ByteArray:
        plain, plus, minus = (tables.at(one) for one in codes)
        spikes = self.forward_dithered(plain, plus, minus, x, first_step)
        return np.stack([np.concatenate(layers, axis=1) for layers in (spikes.plain, spikes.plus, spikes.minus)])

    def gates(
        self, tables: GainTables, codes: ByteArray, settings: LearnSettings, x: ByteArray, first_step: int
    ) -> ByteArray:
        return gates_of_counts(self, tables, codes, settings, x, first_step)

    def learn_steps(
        self,
        state: LearnState,
        tables: GainTables,
        x: ByteArray,
        first_step: int,
        labels: NDArray[np.int64],
        settings: Sequence[LearnSettings],
    ) -> LearnState:
        return learn_one_by_one(self, state, tables, first_step, x, labels, settings)

    def learn(
        self, state: LearnState, spikes: Spikes, labels: NDArray[np.int64], settings: LearnSettings
    ) -> LearnState:
        return learn.learn_step(self.image, state, spikes, labels, settings)

    def gate_learner(self, state: LearnState, settings: LearnSettings) -> GateLearner:
        return PlainGateLearner(self.image, self.learn, state, settings)


def make_engine(name: str, image: Image) -> Engine:
    """Engine called `name` ("c" or "numpy") for `image`; UsageError for any other name."""
    if name == "numpy":
        return NumpyEngine(image)
    if name == "c":
        from nt_model.core import CoreEngine

        return CoreEngine(image)
    raise UsageError(f"no engine is called '{name}'", evidence=f"engines: {', '.join(ENGINES)}", next_step="--engine c")
