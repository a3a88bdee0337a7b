"""Learning steps of rule `dmn` from gates, in C, on arrays that are bound once."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nt_model.core_host import HostArray
from nt_model.core_library import ffi
from nt_model.core_values import LearnBatch, c_settings, c_state, check_state
from nt_model.core_wire import gate_planes
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.learn import LearnSettings, LearnState

ByteArray = NDArray[np.uint8]
_INT64 = ffi.typeof("int64_t[]")
_DONE = 0


class CoreGateLearner:
    """See `gate_learner.GateLearner`; learns on `array` under its `lock`, in place on copies of `state`."""

    def __init__(
        self, image: Image, array: HostArray, lock: threading.Lock, state: LearnState, settings: LearnSettings
    ) -> None:
        check_state(image, state)
        self.state = LearnState(state.codes.copy(), state.accumulator_q8.copy(), state.mean_q8.copy())
        self._array = array
        self._lock = lock
        self._chosen = settings
        self._settings = c_settings(settings)
        self._rated = self._settings[0]
        self._learn = array.gates_learning(c_state(self.state), self._settings)
        self._widths = sum(layer.n_neurons for layer in image.layers), image.layers[-1].n_neurons

    def step(self, codes: ByteArray, gates: bytes, labels: NDArray[np.int64], rate_q8: int) -> ByteArray:
        """See `gate_learner.GateLearner.step`."""
        count = len(labels)
        if len(gates) != count * self._array.gates_bytes:
            raise UsageError("gates and labels do not fit", evidence=f"{len(gates)} bytes, {count} labels")
        present = self.state.codes
        present[:] = codes
        self._rated.rate_q8 = rate_q8
        classes = np.ascontiguousarray(labels, np.int64)
        with self._lock:
            if self._learn(gates, ffi.from_buffer(_INT64, classes), count) != _DONE:
                planes = gate_planes(np.frombuffer(gates, np.uint8).reshape(count, -1), *self._widths)
                batch = LearnBatch(planes[0], planes[1], classes)
                self._array.learn(self.state, batch, replace(self._chosen, rate_q8=rate_q8))
        return present.copy()
