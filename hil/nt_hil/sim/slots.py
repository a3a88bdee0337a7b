"""Sample slots of the simulated chip: the events that PRESENT and LEARN work on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.messages import ErrorCode
from nt_hil.refusal import Refusal
from nt_model.loop_state import SlotBank

ByteArray = NDArray[np.uint8]


class SlotMemory:
    """`n_slots` samples of `n_inputs` inputs, each with as many time steps as it was loaded with."""

    def __init__(self, n_slots: int, n_inputs: int) -> None:
        self.n_slots = n_slots
        self.n_inputs = n_inputs
        self._steps = np.zeros(n_slots, np.uint8)
        self._filled = np.zeros(n_slots, np.int64)
        self._ready = np.zeros(n_slots, np.uint8)
        self._banks: dict[int, ByteArray] = {}

    def clear(self) -> None:
        """Forget everything, as a reset does."""
        self._steps[:] = 0
        self._filled[:] = 0
        self._ready[:] = 0

    def bank(self, n_steps: int) -> SlotBank | None:
        """Slots of samples with `n_steps`, or where none were loaded those of samples that stay the same; None where
        there is neither."""
        held = n_steps if n_steps in self._banks else 1
        return SlotBank(self._banks[held], self._ready, held) if held in self._banks else None

    def load(self, slot: int, steps: int, offset: int, events: ByteArray) -> None:
        """Write `events` (n,) uint8 from element `offset` of `slot` on, running over into the following slots.

        Raises:
            Refusal: SLOT_RANGE, or SETTING_RANGE for zero steps.
        """
        if steps == 0:
            raise Refusal(ErrorCode.SETTING_RANGE, index=1, seen=0, limit=1)
        size = steps * self.n_inputs
        begin = slot * size + offset
        end = begin + len(events)
        if offset >= size or end > self.n_slots * size or len(events) == 0:
            raise Refusal(ErrorCode.SLOT_RANGE, index=max(slot, (end - 1) // size), limit=self.n_slots)
        if steps not in self._banks:
            self._banks[steps] = np.zeros(self.n_slots * size, np.uint8)
        self._banks[steps][begin:end] = events
        self._mark(slot, steps, begin, end)

    def _mark(self, slot: int, steps: int, begin: int, end: int) -> None:
        """Slots from `slot` on were written up to before element `end`, the first one from `begin` on; a slot counts as
        filled up to where it was written without a gap."""
        size = steps * self.n_inputs
        last = (end - 1) // size
        offset, filled = begin - slot * size, int(self._filled[slot])
        goes_on = offset == 0 or (offset <= filled and self._steps[slot] == steps)
        written = slice(slot, last + 1)
        self._steps[written] = steps
        self._filled[written] = size
        self._filled[last] = end - last * size
        if not goes_on:
            self._filled[slot] = 0
        self._ready[written] = steps
        for edge in (slot, last):
            self._ready[edge] = steps if self._filled[edge] == size else 0

    def _check(self, slots: NDArray[np.int64], n_steps: int) -> NDArray[np.uint8]:
        outside = slots >= self.n_slots
        if outside.any():
            raise Refusal(ErrorCode.SLOT_RANGE, index=int(slots[outside][0]), limit=self.n_slots)
        steps: NDArray[np.uint8] = self._steps[slots]
        empty = (steps == 0) | (self._filled[slots] < steps.astype(np.int64) * self.n_inputs)
        if empty.any():
            raise Refusal(ErrorCode.SLOT_EMPTY, index=int(slots[empty][0]))
        odd = (steps != 1) & (steps != n_steps)
        if odd.any():
            raise Refusal(ErrorCode.STEPS_MISMATCH, index=int(slots[odd][0]), seen=int(steps[odd][0]), limit=n_steps)
        return steps

    def _are_ready(self, slots: NDArray[np.int64], n_steps: int) -> bool:
        """All of `slots`, at least one, exist and hold samples of `n_steps`."""
        named = slots.tolist()
        ready = bytes((n_steps,)) * len(named)
        return bool(named) and max(named) < self.n_slots and self._ready[slots].tobytes() == ready

    def events(self, slots: NDArray[np.int64], n_steps: int) -> ByteArray:
        """Events (B, n_steps, n_inputs) uint8 of `slots` (B,).

        Raises:
            Refusal: SLOT_RANGE, SLOT_EMPTY or STEPS_MISMATCH.
        """
        if self._are_ready(slots, n_steps):
            return self._banks[n_steps].reshape(self.n_slots, n_steps, self.n_inputs)[slots]
        steps = self._check(slots, n_steps)
        out = np.empty((len(slots), n_steps, self.n_inputs), np.uint8)
        for each in np.unique(steps):
            bank = self._banks[int(each)].reshape(self.n_slots, int(each), self.n_inputs)
            chosen = steps == each
            out[chosen] = bank[slots[chosen]]
        return out
