"""The one interface behind which simulated, emulated and serial-attached chips stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nt_hil.messages import Capability
from nt_model.correction import Corrections
from nt_model.learn import LearnSettings
from nt_model.stimulus import Stimulus

ByteArray = NDArray[np.uint8]


__all__ = [
    "Capability",
    "Chip",
    "ChipInfo",
    "ChipStatus",
    "Dither",
    "LearnBatch",
    "Readout",
    "Response",
    "Shot",
    "Traffic",
]


@dataclass(frozen=True)
class ChipInfo:
    """What a chip says of itself in HELLO.

    Attributes:
        protocol: (major, minor).
        firmware_version: text such as "0.1.0".
        uid: 64-bit unique id, 16 hexadecimal digits.
        image_digest: SHA-256 of the image in its ROM, 64 hexadecimal digits.
        layer_sizes: inputs, then neurons of each layer.
        n_codes: number of power domains.
        n_classes: number of classes of the readout.
        n_steps: default time steps per sample.
        code_min, code_max: code range that the device accepts.
        max_move_code: largest change of one code in one write (slew limit); 255 means no limit.
        max_payload: bytes of payload per frame.
        window: frames in flight.
        input_slots: samples that the chip can hold.
        capabilities: see Capability.
        boot_count, reset_reason, nv_generation: history of the device.
    """

    protocol: tuple[int, int]
    firmware_version: str
    uid: str
    image_digest: str
    layer_sizes: tuple[int, ...]
    n_codes: int
    n_classes: int
    n_steps: int
    code_min: int
    code_max: int
    max_move_code: int
    max_payload: int
    window: int
    input_slots: int
    capabilities: Capability
    boot_count: int
    reset_reason: str
    nv_generation: int


@dataclass(frozen=True)
class ChipStatus:
    """Where a chip stands.

    Attributes:
        samples_presented: since power-on.
        revision: of the codes; every write and learning step adds one.
        learning: the device loop was started in this boot.
        learning_step: steps of the device loop done.
        temperature_mk: of the die, millikelvin.
        boot_count, nv_generation: history of the device.
        bad_frames: frames that the device refused by length or CRC since boot.
    """

    samples_presented: int
    revision: int
    learning: bool
    learning_step: int
    temperature_mk: int
    boot_count: int
    nv_generation: int
    bad_frames: int


@dataclass(frozen=True)
class Dither:
    """Code offsets of the dithered read-out: `hidden_code` for hidden layers, `output_code` for the last; 1..127."""

    hidden_code: int
    output_code: int


@dataclass(frozen=True)
class Readout:
    """What `present` brings back.

    Attributes:
        hidden: spikes of the hidden layers too, not of the last layer alone.
        dither: also the spikes at code + d and code - d; None for the plain spikes only.
        membrane: also the last layer's membranes, where the chip has Capability.MEMBRANE.
        gates: of what `hidden` and `dither` show, which it needs, only what a learning step looks at: a third of the
            bytes at one time step, a twentieth at more.
    """

    hidden: bool = False
    dither: Dither | None = None
    membrane: bool = False
    gates: bool = False


@dataclass(frozen=True, eq=False)
class Response:
    """Spike counts over the T steps, one (B, N) uint8 per layer read (hidden layers first; the last layer alone
    where hidden was not asked for); `plus`, `minus` empty without dither; `membrane_q8` (B, N_out) int32 or None.

    With gates `plain` is empty, and `plus` and `minus` hold 0 or 1: they differ where the counts of a hidden neuron
    differ, and are 1 where those of an output neuron are not 0. `gates` is what they are made of, sample by sample as
    `learn.packed_gates`; None without."""

    plain: tuple[ByteArray, ...]
    plus: tuple[ByteArray, ...] = ()
    minus: tuple[ByteArray, ...] = ()
    membrane_q8: NDArray[np.int32] | None = None
    gates: bytes | None = None


@dataclass(frozen=True, eq=False)
class Shot:
    """One measurement of the bench: `codes` (n_codes,) uint8 to be written first, or None for those that are there,
    and the stimulus."""

    codes: ByteArray | None
    stimulus: Stimulus


@dataclass(frozen=True, eq=False)
class LearnBatch:
    """One learning step of the device loop: loaded `slots` (B,) int64, `labels` (B,) int64, and its rate, Q8.8."""

    slots: NDArray[np.int64]
    labels: NDArray[np.int64]
    rate_q8: int


@dataclass(frozen=True)
class Traffic:
    """Bytes and frames on the wire since the link was opened, both directions, retransmissions included."""

    bytes_sent: int
    bytes_received: int
    frames_sent: int
    frames_received: int
    retransmissions: int
    code_bytes_written: int


class Chip(Protocol):
    """A chip on the other end of a wire. Every call raises LinkError when the deadline passes, DeviceError when the
    chip refuses, SafetyError when a code or slew limit would be crossed; a refused call has changed nothing."""

    @property
    def info(self) -> ChipInfo: ...

    @property
    def traffic(self) -> Traffic: ...

    def read_codes(self) -> tuple[ByteArray, int]:
        """All codes (n_codes,) uint8 and their revision."""
        ...

    def write_codes(self, codes: ByteArray) -> int:
        """Write absolute codes (n_codes,) uint8, compare-and-set on the revision last seen; gives the new revision."""
        ...

    def load_samples(self, x: ByteArray) -> None:
        """Keep samples on the chip: x (B, M) uint8 events held for all T steps, or (B, T, M); B <= input_slots."""
        ...

    def present_loaded(self, slots: NDArray[np.int64], readout: Readout, n_steps: int | None = None) -> Response:
        """Forward pass of the loaded samples in `slots` (B,), in that order."""
        ...

    def present(self, x: ByteArray, readout: Readout, n_steps: int | None = None) -> Response:
        """Load and present any number of samples, in chunks of what the chip can hold, pipelined."""
        ...

    def write_and_present(self, codes: ByteArray, slots: NDArray[np.int64], readout: Readout) -> Response:
        """`write_codes`, in as many moves as the slew limit asks for, and `present_loaded`, in one exchange."""
        ...

    def measure(self, shots: Sequence[Shot]) -> tuple[ByteArray, ...]:
        """Shots in the order given, pipelined (Capability.STIMULATE): spikes of each neuron of the layer driven, one
        (N,) uint8 per shot. The codes of the last shot stay."""
        ...

    def read_corrections(self) -> NDArray[np.uint32]:
        """Corrections of all domains as packed, (n_codes,) uint32 (Capability.CORRECTIONS)."""
        ...

    def write_corrections(self, corrections: Corrections) -> int:
        """Correct the codes of all domains (Capability.CORRECTIONS); gives the new revision. The codes stay as they
        are and mean calibrated codes from now on."""
        ...

    def learn_state(self) -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
        """Accumulators (n_codes,) int16 Q8.8 and running means (n_codes,) uint32 Q24.8 of the device loop."""
        ...

    def learn_start(self, settings: LearnSettings) -> None:
        """Start the device loop from the present codes (Capability.DEVICE_LOOP)."""
        ...

    def learn_loaded(self, slots: NDArray[np.int64], labels: NDArray[np.int64], rate_q8: int) -> None:
        """One learning step of the device loop on a batch of loaded samples with labels."""
        ...

    def learn_many(self, steps: Sequence[LearnBatch]) -> None:
        """Learning steps of the device loop, in order, pipelined."""
        ...

    def status(self) -> ChipStatus:
        """Where the chip stands."""
        ...

    def commit(self) -> int:
        """Persist codes and corrections (Capability.NON_VOLATILE); gives the generation."""
        ...

    def close(self) -> None: ...
