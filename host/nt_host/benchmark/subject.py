"""One network on our side: engine, operating points, and calls with everything bound before the clock starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_host.benchmark.network import NetworkSpec, batches, random_image
from nt_model.core import CoreEngine, HostOptions
from nt_model.core_host import HostArray, chosen_kernel
from nt_model.core_values import Results
from nt_model.corner import CORNERS
from nt_model.errors import EnvironmentMissingError
from nt_model.image import CODE_DEFAULT, Image
from nt_model.learn import LearnSettings, LearnState
from nt_model.operating import Operating, ideal_operating
from nt_model.silicon import Silicon

ROTATION = 6
"""Different batches that a case runs through."""


def host_kernel() -> str:
    """The kernel to measure: what NT_KERNEL says, else the fastest of this machine."""
    kernel = chosen_kernel()
    if kernel in ("wide", "portable"):
        raise EnvironmentMissingError(
            "the benchmark is about the kernels of hosts", evidence=f"NT_KERNEL={kernel}", next_step="unset NT_KERNEL"
        )
    return kernel


@dataclass(frozen=True)
class Subject:
    """`image` of `spec` bound to an engine."""

    spec: NetworkSpec
    image: Image
    engine: CoreEngine

    @classmethod
    def build(cls, spec: NetworkSpec) -> Subject:
        image = random_image(spec)
        return cls(spec, image, CoreEngine(image, kernel=host_kernel()))

    def with_kernel(self, kernel: str, options: HostOptions = HostOptions()) -> Subject:
        """The same network on other kernels."""
        return Subject(self.spec, self.image, CoreEngine(self.image, kernel=kernel, options=options))

    @property
    def array(self) -> HostArray:
        array = self.engine.array
        assert isinstance(array, HostArray)
        return array

    @property
    def codes(self) -> NDArray[np.uint8]:
        return np.full(self.image.n_codes, CODE_DEFAULT, np.uint8)

    def nominal(self) -> Operating:
        return ideal_operating(self.image, self.codes)

    def operating(self, corner: str) -> Operating:
        """Operating point of a chip of a process corner."""
        return Silicon.draw(self.image, CORNERS[corner], 7).operating(self.codes)

    def forward(self, batch: int, steps: int = 1, operating: Operating | None = None) -> Callable[[int], object]:
        """Spike counts of a batch, batches rotating, pointers bound beforehand."""
        point = operating or self.nominal()
        results = Results(np.empty((1, batch, self.image.n_neurons), np.uint8), None)
        calls = [
            self.array.prepared([point], x, 0, results) for x in batches(self.spec, batch, steps, self.rotation(batch))
        ]

        return lambda index: calls[index % len(calls)]()

    @staticmethod
    def rotation(batch: int) -> int:
        """Batches to rotate over: many of one sample, or its columns would stay in the cache."""
        return 64 if batch == 1 else ROTATION

    def learning_step(self, batch: int) -> Callable[[int], object]:
        """The whole step of rule `dmn` on the ideal chip: dithered codes, three operating points, forward pass, errors,
        moves of the codes. From the same codes each time: random labels would drive the activity away."""
        settings = LearnSettings()
        inputs = batches(self.spec, batch, 1, ROTATION)
        labels = np.random.default_rng(2).integers(0, self.image.n_classes, (ROTATION, batch))
        state = LearnState.at(self.codes)

        def call(index: int) -> object:
            return self.engine.learn_nominal(state, inputs[index % ROTATION], labels[index % ROTATION], settings)

        return call
