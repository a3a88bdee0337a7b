"""The frames of a learning loop, which a chip of engine `c` serves in one C call: most of what it ever sees.

Only what goes by the book is served there. Whatever else comes, from a repeated frame to a code out of range, is left
to `Device`, which knows all of the protocol; the bytes that go back are the same.
"""

from __future__ import annotations

from nt_hil.messages import Capability
from nt_hil.sim.codes import NO_LIMITS
from nt_hil.sim.simchip import SimChip
from nt_model.core import CoreEngine
from nt_model.core_host import HostArray
from nt_model.core_loop import CoreLoop
from nt_model.loop_state import LoopState

_NEEDED = Capability.HIDDEN_SPIKES | Capability.DITHER | Capability.MEMBRANE | Capability.DEVICE_LOOP
_FRAMES_AHEAD = 8


class LoopServer:
    """Serves `chip`, which takes payloads of up to `max_payload` bytes."""

    def __init__(self, chip: SimChip, max_payload: int) -> None:
        self._chip = chip
        self._max_payload = max_payload
        self._core: CoreLoop | None = None
        self._state = LoopState(0, 0, 0, 0, chip.bank.codes, 0, 0, None, chip.learner.settings, 0)
        self._is_able = chip.options.limits == NO_LIMITS and _NEEDED in chip.options.capabilities

    def serve(self, data: bytes, session: int, expected: int, room: int) -> tuple[int, list[bytes]]:
        """Take frames of the open session off `data`, from sequence number `expected` on.

        Returns:
            Bytes taken, and the answers with at most `room` bytes of payload, in turn.
        """
        chip = self._chip
        gains = None if chip.bank.corrects or not self._is_able else chip.known_gains()
        core = None if gains is None else self._core or self._made()
        if core is None or gains is None:
            return 0, []
        state, bank, learner = self._state, chip.bank, chip.learner
        state.session, state.expected, state.room = session, expected, room
        state.revision, state.codes = bank.revision, bank.codes
        state.fresh = fresh = chip.fresh_samples
        state.steps_done = chip.steps_done
        state.learning, state.settings, state.learning_step = learner.state, learner.settings, learner.step
        taken, answers, records = core.serve(state, gains, data)
        if answers:
            chip.take_served(state, fresh - state.fresh, records)
        return taken, answers

    def _made(self) -> CoreLoop | None:
        """None for boards' kernels, and as long as no sample was loaded."""
        engine, bank = self._chip.engine, self._chip.slots.bank(self._chip.image.n_steps)
        if not isinstance(engine, CoreEngine) or not isinstance(engine.array, HostArray) or bank is None:
            return None
        self._core = CoreLoop(engine, engine.array, bank, self._max_payload, _FRAMES_AHEAD)
        return self._core
