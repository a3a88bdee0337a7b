"""The simulated chip: an image on a die, computed by an engine, with codes, sample slots and a device loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nt_hil.messages import Capability, ErrorCode, LearnRequest, LearnStartRequest, ResetReason
from nt_hil.records import GateLayout, RecordLayout
from nt_hil.refusal import Refusal
from nt_hil.sim.codes import CodeBank, CodeLimits
from nt_hil.sim.learner import Learner
from nt_hil.sim.nv import MemoryNv, NvContent, NvStore
from nt_hil.sim.operating_points import OperatingPoints
from nt_hil.sim.slots import SlotMemory
from nt_model.engine import Engine
from nt_model.image import CODE_DEFAULT
from nt_model.image_file import LoadedImage
from nt_model.learn import LearnSettings, LearnState, Spikes, dithered_codes
from nt_model.loop_state import LoopState
from nt_model.operating import GainTables, Operating
from nt_model.silicon import NOMINAL_TEMPERATURE_MK, Conditions, Silicon
from nt_model.stimulus import Stimulus, stimulate

ByteArray = NDArray[np.uint8]
Int64Array = NDArray[np.int64]

EPOCH_SAMPLES = 1024
"""Samples between steps of the drift, see `Silicon.conditions_at`."""
ALL_CAPABILITIES = (
    Capability.HIDDEN_SPIKES
    | Capability.DITHER
    | Capability.MEMBRANE
    | Capability.DEVICE_LOOP
    | Capability.NON_VOLATILE
    | Capability.STIMULATE
    | Capability.CORRECTIONS
)


@dataclass(frozen=True)
class SimOptions:
    """What a simulated chip allows.

    Attributes:
        limits: range and slew of its codes.
        input_slots: samples that it holds, 1..65535.
        capabilities: what it can do; without a bit it refuses, as a smaller board would.
    """

    limits: CodeLimits = field(default_factory=CodeLimits)
    input_slots: int = 4096
    capabilities: Capability = ALL_CAPABILITIES


@dataclass(frozen=True, eq=False)
class _Step:
    """A learning step that waits: events (B, T, M), labels (B,), settings, and the conditions when it was asked for."""

    x: ByteArray
    labels: Int64Array
    settings: LearnSettings
    conditions: Conditions

    def joins(self, other: _Step) -> bool:
        return self.x.shape == other.x.shape and self.conditions == other.conditions


class SimChip:
    """One simulated chip. It outlives sessions; `boot` is what its reset pin does."""

    def __init__(
        self,
        loaded: LoadedImage,
        silicon: Silicon,
        engine: Engine,
        options: SimOptions | None = None,
        nv: NvStore | None = None,
    ) -> None:
        self.loaded = loaded
        self.image = loaded.image
        self.options = options or SimOptions()
        self._silicon = silicon
        self.engine = engine
        self._nv: NvStore = nv or MemoryNv()
        self._points = OperatingPoints(silicon)
        self._epoch, self._conditions_then = 0, silicon.conditions_at(0)
        self._waiting: list[_Step] = []
        self._waiting_from = 0
        self._shifts: dict[tuple[int, int], NDArray[np.int16]] = {}
        self.widths = tuple(layer.n_neurons for layer in self.image.layers)
        edges = np.cumsum((0, *self.widths)).tolist()
        self._spans = tuple(slice(a, b) for a, b in pairwise(edges))
        self.samples_presented = 0
        self.steps_done = 0
        self.slots = SlotMemory(self.options.input_slots, self.image.n_inputs)
        self.result = b""
        self.boot(ResetReason.POWER_ON)

    def boot(self, reason: ResetReason) -> None:
        """Start afresh from the non-volatile memory; the die's age and temperature stay."""
        self._waiting = []
        content = self._nv.load()
        self.nv = replace(content, boot_count=content.boot_count + 1)
        self._nv.save(self.nv)
        self.reset_reason = reason
        stored = np.frombuffer(bytes.fromhex(content.codes_hex), np.uint8)
        fresh = np.full(self.image.n_codes, CODE_DEFAULT, np.uint8)
        corrections = np.frombuffer(bytes.fromhex(content.corrections_hex), np.uint32)
        self.bank = CodeBank(
            stored if len(stored) == self.image.n_codes else fresh,
            self.options.limits,
            corrections if len(corrections) == self.image.n_codes else None,
        )
        self.learner = Learner(self.image.n_classes)
        self.learner.resume(bytes.fromhex(content.learning_hex), self.options.limits, self.bank.codes)
        self.slots.clear()
        self.result = b""

    @property
    def uid(self) -> int:
        return self._silicon.uid

    @property
    def temperature_mk(self) -> int:
        """What its temperature sensor says, millikelvin."""
        return NOMINAL_TEMPERATURE_MK + self._conditions().temperature_offset_mk

    @property
    def fresh_samples(self) -> int:
        """Samples until the drift steps."""
        return EPOCH_SAMPLES - self.samples_presented % EPOCH_SAMPLES

    def known_gains(self) -> GainTables | Operating | None:
        """Operating points at all codes under the present conditions, or that at its codes, where something has needed
        them before; for a chip without corrections."""
        is_fresh = self.samples_presented // EPOCH_SAMPLES == self._epoch
        return self._points.known(self.bank.codes, self._conditions_then if is_fresh else self._conditions())

    def take_served(self, state: LoopState, samples: int, records: bytes | None) -> None:
        """What frames came to that were served elsewhere and presented `samples`; `records` of the last PRESENT among
        them. Codes and state of the device loop were written into."""
        self.samples_presented += samples
        self.steps_done = state.steps_done
        if state.revision != self.bank.revision:
            self.bank.stand_at(state.revision)
        if state.learning_step != self.learner.step:
            self.learner.stand_at(state.learning_step)
        if records is not None:
            self.result = records

    def _conditions(self) -> Conditions:
        """Conditions of the die now; they change from epoch to epoch."""
        epoch = self.samples_presented // EPOCH_SAMPLES
        if epoch != self._epoch:
            self._epoch, self._conditions_then = epoch, self._silicon.conditions_at(self.samples_presented)
        return self._conditions_then

    def require(self, capability: Capability) -> None:
        """Refuse what this chip was built without."""
        if not int(self.options.capabilities) & int(capability):
            raise Refusal(ErrorCode.NO_CAPABILITY, index=int(capability))

    def _pieces(self, count: int) -> list[slice]:
        """The batch cut where the drift steps, so that the frames it came in make no difference."""
        first = self.fresh_samples
        if count <= first:
            return [slice(0, count)]
        edges = [0, *range(first, count, EPOCH_SAMPLES), count]
        return [slice(a, b) for a, b in pairwise(edges)]

    def _aged(self, x: ByteArray) -> None:
        self.samples_presented += x.shape[0]
        self.steps_done += x.shape[0] * x.shape[1]

    def _point(self, codes: ByteArray) -> Operating:
        """Operating point at calibrated `codes` under the present conditions."""
        return self._points.at(self.bank.dac_codes(codes), self._conditions())

    def _forward(self, x: ByteArray) -> tuple[ByteArray, NDArray[np.int32]]:
        """Plain spikes of all layers side by side, (1, B, N), and the last layer's membranes as compared in the last
        step, of x (B, T, M)."""
        counts, compared_q8 = self.engine.read_out(self._point(self.bank.codes), x, self.steps_done)
        return counts[None], compared_q8

    def _dithered(self, x: ByteArray, settings: LearnSettings) -> ByteArray:
        """Spikes (3, B, N) at the codes, above and below them."""
        tables = self._points.tables(self._conditions())
        return self.engine.dithered_counts(tables, self._dithered_codes(settings), x, self.steps_done)

    def _dithered_codes(self, settings: LearnSettings) -> ByteArray:
        """What the DACs get at the codes, above and below them, (3, n_codes) uint8."""
        offsets = (settings.hidden_dither_code, settings.output_dither_code)
        if offsets not in self._shifts:
            middle = np.full(self.image.n_codes, CODE_DEFAULT, np.uint8)
            up = dithered_codes(self.image, middle, settings, 1).astype(np.int16) - CODE_DEFAULT
            self._shifts[offsets] = np.stack([np.zeros_like(up), up, -up])
        shifted = np.minimum(np.maximum(self.bank.codes + self._shifts[offsets], 0), 255).astype(np.uint8)
        if self.bank.corrects:
            return np.stack([self.bank.dac_codes(codes) for codes in shifted])
        return shifted

    def present(self, slots: Int64Array, layout: RecordLayout, dither: LearnSettings) -> bytes:
        """Records of the samples in `slots` (B,), `dither` giving d and m where the layout has DITHER.

        Raises:
            Refusal: a slot does not exist, is empty, or has another number of steps; nothing was presented.
        """
        x = self.slots.events(slots, layout.n_steps)
        records = []
        for piece in self._pieces(len(slots)):
            records.append(self._present_piece(x[piece], layout, dither))
            self._aged(x[piece])
        return b"".join(records)

    def _present_piece(self, x: ByteArray, layout: RecordLayout, dither: LearnSettings) -> bytes:
        if isinstance(layout, GateLayout) and not self.bank.corrects:
            tables = self._points.tables(self._conditions())
            gates = self.engine.gates(tables, self.bank.codes, dither, x, self.steps_done)
            return layout.joined(gates, self._forward(x)[1] if layout.membrane_size else None)
        spikes = membrane = None
        if layout.n_planes == 3:
            spikes = self._dithered(x, dither)
        if spikes is None or layout.membrane_size:
            plain, compared = self._forward(x)
            spikes = plain if spikes is None else spikes
            membrane = compared if layout.membrane_size else None
        return layout.pack(spikes, membrane)

    def stimulate(self, stimulus: Stimulus) -> ByteArray:
        """Spikes of every neuron of the layer, (N,) uint8; the conditions are those of the first repeat."""
        operating = self._point(self.bank.codes).layers[stimulus.layer]
        counts = stimulate(self.image.layers[stimulus.layer], operating, stimulus, self.steps_done)
        self.samples_presented += stimulus.n_repeats
        self.steps_done += stimulus.n_repeats * stimulus.n_steps
        return counts

    def learn_start(self, request: LearnStartRequest) -> int:
        self.require(Capability.DEVICE_LOOP)
        return self.learner.start(request, self.options.limits, self.bank.codes)

    def learn(self, request: LearnRequest) -> None:
        """One chunk of a learning step; a step that was done already changes nothing.

        What the step comes to is settled later, several steps at a time; until `settle` its codes are those before it.
        """
        self.require(Capability.DEVICE_LOOP)
        if self.learner.is_done(request):
            return
        settings = self.learner.settings_at(request.rate_q8)
        batch = self.learner.collect(request)
        if batch is None:
            return
        slots, labels = batch
        x = self.slots.events(slots, self.image.n_steps)
        pieces = self._pieces(len(slots))
        if len(pieces) > 1 or self.bank.corrects:
            self._learn_now(x, labels, settings, pieces)
        else:
            self._wait(_Step(x, labels, settings, self._conditions()))
            self._aged(x)
        self.learner.advance()
        self.bank.moved()

    def _wait(self, step: _Step) -> None:
        """Keep `step` for `settle`, which takes steps of one size under the same conditions."""
        if self._waiting and not step.joins(self._waiting[0]):
            self.settle()
        if not self._waiting:
            self._waiting_from = self.steps_done
        self._waiting.append(step)

    def settle(self) -> None:
        """Do the learning steps that wait."""
        waiting, self._waiting = self._waiting, []
        state = self.learner.state
        if not waiting or state is None:
            return
        after = self.engine.learn_steps(
            LearnState(self.bank.codes, state.accumulator_q8, state.mean_q8),
            self._points.tables(waiting[0].conditions),
            np.stack([step.x for step in waiting]),
            self._waiting_from,
            np.stack([step.labels for step in waiting]),
            [step.settings for step in waiting],
        )
        self._take(after)

    def _take(self, state: LearnState) -> None:
        self.learner.state = state
        self.bank.codes = state.codes.copy()

    def _learn_now(self, x: ByteArray, labels: Int64Array, settings: LearnSettings, pieces: list[slice]) -> None:
        """A step that the drift cuts into pieces, or whose codes are corrected."""
        self.settle()
        state = self.learner.state
        assert state is not None
        parts = []
        for piece in pieces:
            parts.append(self._dithered(x[piece], settings))
            self._aged(x[piece])
        spikes = Spikes(*(tuple(plane[:, span] for span in self._spans) for plane in np.concatenate(parts, axis=1)))
        before = LearnState(self.bank.codes, state.accumulator_q8, state.mean_q8)
        self._take(self.engine.learn(before, spikes, labels, settings))

    def commit(self, revision: int) -> int:
        """Persist codes, corrections and, where it learns, the device loop; gives the generation."""
        self.require(Capability.NON_VOLATILE)
        if revision != self.bank.revision:
            raise Refusal(ErrorCode.STALE_REVISION, seen=self.bank.revision)
        codes, corrections = self.bank.codes.tobytes().hex(), self.bank.corrections.tobytes().hex()
        learning = self.learner.saved().hex()
        content = NvContent(self.nv.boot_count, self.nv.generation + 1, codes, corrections, learning)
        try:
            self._nv.save(content)
        except OSError as error:
            raise Refusal(ErrorCode.NV_FAILED) from error
        self.nv = content
        return content.generation
