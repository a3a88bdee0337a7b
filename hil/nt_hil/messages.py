# ruff: noqa: E501
"""Messages of the wire. Generated from messages.toml by `python -m nt_hil.generate`; do not edit."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar

from nt_hil.payload import check_size, pack_tail, parse_tail

PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 0
SCHEMA_HASH = 0x66ED03DB
BASE_MAX_PAYLOAD = 512
BASE_WINDOW = 8
RESPONSE_BIT = 0x80

MESSAGE_NAMES = {
    0x01: "HELLO",
    0x02: "STATUS",
    0x10: "CODES_READ",
    0x11: "CODES_WRITE",
    0x12: "CORRECTION_READ",
    0x13: "CORRECTION_WRITE",
    0x20: "INPUT_LOAD",
    0x21: "PRESENT",
    0x22: "RESULT",
    0x23: "STIMULATE",
    0x30: "LEARN_START",
    0x31: "LEARN",
    0x32: "LEARN_STATE",
    0x40: "COMMIT",
    0x50: "RESET",
    0x51: "GOODBYE",
}
"""Name of each request type."""


class ErrorCode(IntEnum):
    """The closed list of reasons for which a device refuses a request."""

    UNKNOWN_MESSAGE = 1  # no such message type; index = the type
    BAD_PAYLOAD = 2  # the payload does not fit the message; seen = its length
    BAD_SESSION = 3  # the frame's session is not the present one; say HELLO; seen = the present session
    VERSION_MISMATCH = 4  # another protocol major version; seen = major * 256 + minor of the device
    SCHEMA_MISMATCH = 5  # same version but other message definitions; seen = schema hash of the device
    STALE_REVISION = 6  # codes have moved on since the base revision; seen = present revision
    CODE_RANGE = 7  # a code lies outside the range allowed; index = code index, seen = code, limit = bound crossed
    SLEW_LIMIT = 8  # a code would move too far; index = code index, seen = move, limit = largest move
    INDEX_RANGE = 9  # a code index lies outside the chip; index = it, limit = number of codes
    NOT_STAGED = 10  # a chunk that is not the first came without a first one
    SLOT_RANGE = 11  # a slot does not exist; index = slot, limit = number of slots
    SLOT_EMPTY = 12  # a slot holds no complete sample; index = slot
    STEPS_MISMATCH = 13  # a raster of other length than the time steps asked for; index = slot, seen = its steps, limit = steps asked
    LABEL_RANGE = 14  # a label lies outside the classes; index = position in the batch, seen = label, limit = number of classes
    SETTING_RANGE = 15  # a setting lies outside its range; index = position of its field, seen = value, limit = bound crossed
    NOT_LEARNING = 16  # no LEARN_START in this boot, and none before the commit that it began with
    WRONG_STEP = 17  # the learning step is neither the next nor the last one; seen = step done
    RESPONSE_TOO_LONG = 18  # the answer would exceed the payload agreed on; seen = its length, limit = room in the payload agreed on
    NO_CAPABILITY = 19  # the chip cannot do this; index = the capability bit
    NV_FAILED = 20  # the non-volatile memory refused the write
    BUSY = 21  # the device cannot take this now
    NO_RESULT = 22  # no PRESENT has a result at that offset; index = offset, limit = bytes kept
    NO_IMAGE = 23  # the board holds no chip image that it can use


class ResetReason(IntEnum):
    """Why the device booted last."""

    POWER_ON = 0  # supply came up
    PIN = 1  # reset pin
    SOFTWARE = 2  # RESET message
    WATCHDOG = 3  # watchdog
    BROWN_OUT = 4  # supply dipped
    UNKNOWN = 255  # the device cannot tell


class Packing(IntEnum):
    """How INPUT_LOAD packs events."""

    BYTES = 0  # one byte per input and step, 0..255 events
    BITS = 1  # one bit per input and step, LSB first, 0 or 1 event


class CodeForm(IntEnum):
    """How CODES_WRITE carries its codes; all of them are absolute."""

    DENSE = 0  # codes of start, start + 1, ...
    SPARSE = 1  # records of 3 bytes: u16 distance from start, u8 code
    MASKED = 2  # u16 span, ceil(span / 8) bytes of mask LSB first from start on, then one code per mask bit


class Capability(IntFlag):
    """Optional abilities, as bits of HELLO."""

    HIDDEN_SPIKES = 1  # spikes of hidden layers can be read
    DITHER = 2  # spikes at code + d and code - d can be read
    MEMBRANE = 4  # membranes of the last layer can be read
    DEVICE_LOOP = 8  # the device can learn by itself
    NON_VOLATILE = 16  # codes, corrections and the device loop can be committed
    STIMULATE = 32  # a single layer can be driven with given events
    CORRECTIONS = 64  # the device can correct the codes of each domain


class ReadoutFlag(IntFlag):
    """What PRESENT brings back."""

    HIDDEN = 1  # the hidden layers too, before the last one
    DITHER = 2  # planes at code + d and code - d after the plain one
    MEMBRANE = 4  # membranes of the last layer, i32 Q23.8, as the comparator saw them in the last step
    RANGE = 8  # slots holds a first slot and a count instead of a list
    GATES = 16  # with HIDDEN and DITHER: instead of the planes the bits that learning needs


class ChunkFlag(IntFlag):
    """Place of a frame in a write or batch that spans frames; nothing takes effect before LAST."""

    FIRST = 1  # opens the staging area, forgets what it held
    LAST = 2  # checks and applies all of it


@dataclass(frozen=True)
class HelloRequest:
    """Opens a session. Sent with session 0; the answer carries the new session in its header. The same nonce again gets the same answer.

    Attributes:
        protocol_major: u8.
        protocol_minor: u8.
        schema_hash: u32.
        nonce: u32; chosen by the host at every connection.
        max_payload: u16, byte; what the host can take.
        window: u8, frame; what the host would keep in flight.
    """

    TYPE: ClassVar[int] = 0x01
    HEAD_SIZE: ClassVar[int] = 13
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BBIIHB")
    protocol_major: int
    protocol_minor: int
    schema_hash: int
    nonce: int
    max_payload: int
    window: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.protocol_major, self.protocol_minor, self.schema_hash, self.nonce, self.max_payload, self.window)

    @classmethod
    def parse(cls, payload: bytes) -> HelloRequest:
        check_size("HelloRequest", payload, 13, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class HelloResponse:
    """Answer to HELLO.

    Attributes:
        protocol_major: u8.
        protocol_minor: u8.
        schema_hash: u32.
        nonce: u32; of the request.
        max_payload: u16, byte; agreed: the smaller of both.
        window: u8, frame; agreed: the smaller of both.
        firmware_major: u8.
        firmware_minor: u8.
        firmware_patch: u8.
        uid: u64.
        image_digest: u8[32]; SHA-256 of the image in the ROM.
        n_codes: u32.
        n_classes: u16.
        n_steps: u8, step; default T.
        code_min: u8, code.
        code_max: u8, code.
        max_move_code: u8, code; slew limit per write, 255 = none.
        input_slots: u16, sample.
        capabilities: u16; Capability.
        boot_count: u32.
        reset_reason: u8; ResetReason.
        nv_generation: u32.
        layer_sizes: u32[]; inputs, then neurons of each layer.
    """

    TYPE: ClassVar[int] = 0x81
    HEAD_SIZE: ClassVar[int] = 79
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BBIIHBBBBQ32sIHBBBBHHIBI")
    protocol_major: int
    protocol_minor: int
    schema_hash: int
    nonce: int
    max_payload: int
    window: int
    firmware_major: int
    firmware_minor: int
    firmware_patch: int
    uid: int
    image_digest: bytes
    n_codes: int
    n_classes: int
    n_steps: int
    code_min: int
    code_max: int
    max_move_code: int
    input_slots: int
    capabilities: int
    boot_count: int
    reset_reason: int
    nv_generation: int
    layer_sizes: tuple[int, ...]

    def pack(self) -> bytes:
        return self._HEAD.pack(self.protocol_major, self.protocol_minor, self.schema_hash, self.nonce, self.max_payload, self.window, self.firmware_major, self.firmware_minor, self.firmware_patch, self.uid, self.image_digest, self.n_codes, self.n_classes, self.n_steps, self.code_min, self.code_max, self.max_move_code, self.input_slots, self.capabilities, self.boot_count, self.reset_reason, self.nv_generation) + pack_tail(self.layer_sizes, 4)

    @classmethod
    def parse(cls, payload: bytes) -> HelloResponse:
        check_size("HelloResponse", payload, 79, 4)
        (protocol_major, protocol_minor, schema_hash, nonce, max_payload, window, firmware_major, firmware_minor, firmware_patch, uid, image_digest, n_codes, n_classes, n_steps, code_min, code_max, max_move_code, input_slots, capabilities, boot_count, reset_reason, nv_generation,) = cls._HEAD.unpack_from(payload)
        return cls(protocol_major, protocol_minor, schema_hash, nonce, max_payload, window, firmware_major, firmware_minor, firmware_patch, uid, image_digest, n_codes, n_classes, n_steps, code_min, code_max, max_move_code, input_slots, capabilities, boot_count, reset_reason, nv_generation, parse_tail(payload[79:], 4))


@dataclass(frozen=True)
class StatusRequest:
    """Where the device stands."""

    TYPE: ClassVar[int] = 0x02
    HEAD_SIZE: ClassVar[int] = 0

    def pack(self) -> bytes:
        return b""

    @classmethod
    def parse(cls, payload: bytes) -> StatusRequest:
        check_size("StatusRequest", payload, 0, 0)
        return cls()


@dataclass(frozen=True)
class StatusResponse:
    """Answer to STATUS.

    Attributes:
        samples_presented: u64, sample; since power-on of the chip.
        revision: u32; of the codes.
        learning: u8; 1 from LEARN_START on; after a boot as it was at the last commit.
        learning_step: u32; steps done.
        temperature_mk: u32, mK; of the die.
        boot_count: u32.
        nv_generation: u32.
        bad_frames: u32, frame; refused by length or CRC since boot.
    """

    TYPE: ClassVar[int] = 0x82
    HEAD_SIZE: ClassVar[int] = 33
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<QIBIIIII")
    samples_presented: int
    revision: int
    learning: int
    learning_step: int
    temperature_mk: int
    boot_count: int
    nv_generation: int
    bad_frames: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.samples_presented, self.revision, self.learning, self.learning_step, self.temperature_mk, self.boot_count, self.nv_generation, self.bad_frames)

    @classmethod
    def parse(cls, payload: bytes) -> StatusResponse:
        check_size("StatusResponse", payload, 33, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class CodesReadRequest:
    """Codes start .. start + count - 1.

    Attributes:
        start: u32.
        count: u16.
    """

    TYPE: ClassVar[int] = 0x10
    HEAD_SIZE: ClassVar[int] = 6
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IH")
    start: int
    count: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.start, self.count)

    @classmethod
    def parse(cls, payload: bytes) -> CodesReadRequest:
        check_size("CodesReadRequest", payload, 6, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class CodesReadResponse:
    """Answer to CODES_READ.

    Attributes:
        revision: u32.
        codes: u8[], code.
    """

    TYPE: ClassVar[int] = 0x90
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    revision: int
    codes: bytes

    def pack(self) -> bytes:
        return self._HEAD.pack(self.revision) + self.codes

    @classmethod
    def parse(cls, payload: bytes) -> CodesReadResponse:
        check_size("CodesReadResponse", payload, 4, 1)
        (revision,) = cls._HEAD.unpack_from(payload)
        return cls(revision, payload[4:])


@dataclass(frozen=True)
class CodesWriteRequest:
    """Compare-and-set of absolute codes. Chunks are staged; LAST checks range and slew of the whole and applies all or nothing.

    Attributes:
        base_revision: u32.
        chunk: u8; ChunkFlag.
        form: u8; CodeForm.
        start: u32.
        data: u8[].
    """

    TYPE: ClassVar[int] = 0x11
    HEAD_SIZE: ClassVar[int] = 10
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IBBI")
    base_revision: int
    chunk: int
    form: int
    start: int
    data: bytes

    def pack(self) -> bytes:
        return self._HEAD.pack(self.base_revision, self.chunk, self.form, self.start) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> CodesWriteRequest:
        check_size("CodesWriteRequest", payload, 10, 1)
        (base_revision, chunk, form, start,) = cls._HEAD.unpack_from(payload)
        return cls(base_revision, chunk, form, start, payload[10:])


@dataclass(frozen=True)
class CodesWriteResponse:
    """Answer to CODES_WRITE.

    Attributes:
        revision: u32; the new one after LAST, the base before.
    """

    TYPE: ClassVar[int] = 0x91
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    revision: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.revision)

    @classmethod
    def parse(cls, payload: bytes) -> CodesWriteResponse:
        check_size("CodesWriteResponse", payload, 4, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class CorrectionReadRequest:
    """Corrections of the domains start .. start + count - 1.

    Attributes:
        start: u32.
        count: u16.
    """

    TYPE: ClassVar[int] = 0x12
    HEAD_SIZE: ClassVar[int] = 6
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IH")
    start: int
    count: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.start, self.count)

    @classmethod
    def parse(cls, payload: bytes) -> CorrectionReadRequest:
        check_size("CorrectionReadRequest", payload, 6, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class CorrectionReadResponse:
    """Answer to CORRECTION_READ.

    Attributes:
        revision: u32; of codes and corrections.
        corrections: u32[].
    """

    TYPE: ClassVar[int] = 0x92
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    revision: int
    corrections: tuple[int, ...]

    def pack(self) -> bytes:
        return self._HEAD.pack(self.revision) + pack_tail(self.corrections, 4)

    @classmethod
    def parse(cls, payload: bytes) -> CorrectionReadResponse:
        check_size("CorrectionReadResponse", payload, 4, 4)
        (revision,) = cls._HEAD.unpack_from(payload)
        return cls(revision, parse_tail(payload[4:], 4))


@dataclass(frozen=True)
class CorrectionWriteRequest:
    """Compare-and-set of the corrections of the domains from start on. Each frame is applied as a whole, and refused with SLEW_LIMIT where a supply would move too far.

    Attributes:
        base_revision: u32.
        start: u32.
        corrections: u32[].
    """

    TYPE: ClassVar[int] = 0x13
    HEAD_SIZE: ClassVar[int] = 8
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<II")
    base_revision: int
    start: int
    corrections: tuple[int, ...]

    def pack(self) -> bytes:
        return self._HEAD.pack(self.base_revision, self.start) + pack_tail(self.corrections, 4)

    @classmethod
    def parse(cls, payload: bytes) -> CorrectionWriteRequest:
        check_size("CorrectionWriteRequest", payload, 8, 4)
        (base_revision, start,) = cls._HEAD.unpack_from(payload)
        return cls(base_revision, start, parse_tail(payload[8:], 4))


@dataclass(frozen=True)
class CorrectionWriteResponse:
    """Answer to CORRECTION_WRITE.

    Attributes:
        revision: u32; the new one.
    """

    TYPE: ClassVar[int] = 0x93
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    revision: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.revision)

    @classmethod
    def parse(cls, payload: bytes) -> CorrectionWriteResponse:
        check_size("CorrectionWriteResponse", payload, 4, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class InputLoadRequest:
    """Events of samples, beginning at `offset` of `slot` and running on into the following slots. A sample is steps * inputs elements, step by step.

    Attributes:
        slot: u16.
        steps: u8, step; 1: held for all T steps; else a raster of that many steps.
        packing: u8; Packing.
        offset: u32, element.
        count: u32, element.
        data: u8[].
    """

    TYPE: ClassVar[int] = 0x20
    HEAD_SIZE: ClassVar[int] = 12
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<HBBII")
    slot: int
    steps: int
    packing: int
    offset: int
    count: int
    data: bytes

    def pack(self) -> bytes:
        return self._HEAD.pack(self.slot, self.steps, self.packing, self.offset, self.count) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> InputLoadRequest:
        check_size("InputLoadRequest", payload, 12, 1)
        (slot, steps, packing, offset, count,) = cls._HEAD.unpack_from(payload)
        return cls(slot, steps, packing, offset, count, payload[12:])


@dataclass(frozen=True)
class InputLoadResponse:
    """Answer to INPUT_LOAD."""

    TYPE: ClassVar[int] = 0xA0
    HEAD_SIZE: ClassVar[int] = 0

    def pack(self) -> bytes:
        return b""

    @classmethod
    def parse(cls, payload: bytes) -> InputLoadResponse:
        check_size("InputLoadResponse", payload, 0, 0)
        return cls()


@dataclass(frozen=True)
class PresentRequest:
    """Forward pass of loaded samples, in the order given.

    Attributes:
        n_steps: u8, step; 0: the image's T.
        readout: u8; ReadoutFlag.
        hidden_dither: u8, code; d, 1..127 with DITHER.
        output_dither: u8, code; m, 1..127 with DITHER.
        slots: u16[].
    """

    TYPE: ClassVar[int] = 0x21
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BBBB")
    n_steps: int
    readout: int
    hidden_dither: int
    output_dither: int
    slots: tuple[int, ...]

    def pack(self) -> bytes:
        return self._HEAD.pack(self.n_steps, self.readout, self.hidden_dither, self.output_dither) + pack_tail(self.slots, 2)

    @classmethod
    def parse(cls, payload: bytes) -> PresentRequest:
        check_size("PresentRequest", payload, 4, 2)
        (n_steps, readout, hidden_dither, output_dither,) = cls._HEAD.unpack_from(payload)
        return cls(n_steps, readout, hidden_dither, output_dither, parse_tail(payload[4:], 2))


@dataclass(frozen=True)
class PresentResponse:
    """Answer to PRESENT.

    Attributes:
        count: u16, sample.
        size: u32, byte; of all records together.
        data: u8[]; records, one per sample; of a single sample whose record is too long, its beginning.
    """

    TYPE: ClassVar[int] = 0xA1
    HEAD_SIZE: ClassVar[int] = 6
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<HI")
    count: int
    size: int
    data: bytes

    def pack(self) -> bytes:
        return self._HEAD.pack(self.count, self.size) + self.data

    @classmethod
    def parse(cls, payload: bytes) -> PresentResponse:
        check_size("PresentResponse", payload, 6, 1)
        (count, size,) = cls._HEAD.unpack_from(payload)
        return cls(count, size, payload[6:])


@dataclass(frozen=True)
class ResultRequest:
    """More of the record of the last PRESENT, where that one had a single sample and did not fit.

    Attributes:
        offset: u32, byte.
    """

    TYPE: ClassVar[int] = 0x22
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    offset: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.offset)

    @classmethod
    def parse(cls, payload: bytes) -> ResultRequest:
        check_size("ResultRequest", payload, 4, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class ResultResponse:
    """Answer to RESULT.

    Attributes:
        data: u8[].
    """

    TYPE: ClassVar[int] = 0xA2
    HEAD_SIZE: ClassVar[int] = 0
    data: bytes

    def pack(self) -> bytes:
        return self.data

    @classmethod
    def parse(cls, payload: bytes) -> ResultResponse:
        check_size("ResultResponse", payload, 0, 1)
        return cls(payload)


@dataclass(frozen=True)
class StimulateRequest:
    """Drives one layer alone with given events, the same in every time step, from rest; the layers around it keep still. Gives the spikes of each of the neurons start .. start + count - 1 over all steps of all repeats.

    Attributes:
        layer: u8; 0: the first.
        n_steps: u8, step; of one repeat, at least 1.
        n_repeats: u8; at least 1; n_steps * n_repeats at most 255.
        start: u32.
        count: u16.
        events: u8[]; records of 3 bytes: u16 input of the layer, u8 events; inputs ascend, the others are silent.
    """

    TYPE: ClassVar[int] = 0x23
    HEAD_SIZE: ClassVar[int] = 9
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BBBIH")
    layer: int
    n_steps: int
    n_repeats: int
    start: int
    count: int
    events: bytes

    def pack(self) -> bytes:
        return self._HEAD.pack(self.layer, self.n_steps, self.n_repeats, self.start, self.count) + self.events

    @classmethod
    def parse(cls, payload: bytes) -> StimulateRequest:
        check_size("StimulateRequest", payload, 9, 1)
        (layer, n_steps, n_repeats, start, count,) = cls._HEAD.unpack_from(payload)
        return cls(layer, n_steps, n_repeats, start, count, payload[9:])


@dataclass(frozen=True)
class StimulateResponse:
    """Answer to STIMULATE.

    Attributes:
        counts: u8[], spike.
    """

    TYPE: ClassVar[int] = 0xA3
    HEAD_SIZE: ClassVar[int] = 0
    counts: bytes

    def pack(self) -> bytes:
        return self.counts

    @classmethod
    def parse(cls, payload: bytes) -> StimulateResponse:
        check_size("StimulateResponse", payload, 0, 1)
        return cls(payload)


@dataclass(frozen=True)
class LearnStartRequest:
    """Starts the device loop from the present codes, with empty accumulators. Asked again with the step it stands at, before any LEARN, it changes nothing.

    Attributes:
        first_step: u32; number that the step counter starts from.
        hidden_dither: u8, code; 1..127.
        output_dither: u8, code; 1..127.
        rate_q8: u16, code/256; 1..32767.
        max_move_code: u8, code; 1..127, at most the device's.
        code_min: u8, code; at least the device's.
        code_max: u8, code; at most the device's.
    """

    TYPE: ClassVar[int] = 0x30
    HEAD_SIZE: ClassVar[int] = 11
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IBBHBBB")
    first_step: int
    hidden_dither: int
    output_dither: int
    rate_q8: int
    max_move_code: int
    code_min: int
    code_max: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.first_step, self.hidden_dither, self.output_dither, self.rate_q8, self.max_move_code, self.code_min, self.code_max)

    @classmethod
    def parse(cls, payload: bytes) -> LearnStartRequest:
        check_size("LearnStartRequest", payload, 11, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class LearnStartResponse:
    """Answer to LEARN_START.

    Attributes:
        learning_step: u32.
    """

    TYPE: ClassVar[int] = 0xB0
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    learning_step: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.learning_step)

    @classmethod
    def parse(cls, payload: bytes) -> LearnStartResponse:
        check_size("LearnStartResponse", payload, 4, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class LearnRequest:
    """One learning step on a batch of loaded samples. Idempotent: a step that is already done is acknowledged, not repeated.

    Attributes:
        expected_step: u32; steps done so far.
        chunk: u8; ChunkFlag.
        rate_q8: u16, code/256.
        pairs: u16[]; slot, label, slot, label, ....
    """

    TYPE: ClassVar[int] = 0x31
    HEAD_SIZE: ClassVar[int] = 7
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IBH")
    expected_step: int
    chunk: int
    rate_q8: int
    pairs: tuple[int, ...]

    def pack(self) -> bytes:
        return self._HEAD.pack(self.expected_step, self.chunk, self.rate_q8) + pack_tail(self.pairs, 2)

    @classmethod
    def parse(cls, payload: bytes) -> LearnRequest:
        check_size("LearnRequest", payload, 7, 2)
        (expected_step, chunk, rate_q8,) = cls._HEAD.unpack_from(payload)
        return cls(expected_step, chunk, rate_q8, parse_tail(payload[7:], 2))


@dataclass(frozen=True)
class LearnResponse:
    """Answer to LEARN.

    Attributes:
        learning_step: u32; steps done.
        revision: u32; of the codes.
    """

    TYPE: ClassVar[int] = 0xB1
    HEAD_SIZE: ClassVar[int] = 8
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<II")
    learning_step: int
    revision: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.learning_step, self.revision)

    @classmethod
    def parse(cls, payload: bytes) -> LearnResponse:
        check_size("LearnResponse", payload, 8, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class LearnStateRequest:
    """What the device loop keeps between steps, for the codes start .. start + count - 1.

    Attributes:
        start: u32.
        count: u16.
    """

    TYPE: ClassVar[int] = 0x32
    HEAD_SIZE: ClassVar[int] = 6
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<IH")
    start: int
    count: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.start, self.count)

    @classmethod
    def parse(cls, payload: bytes) -> LearnStateRequest:
        check_size("LearnStateRequest", payload, 6, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class LearnStateResponse:
    """Answer to LEARN_STATE.

    Attributes:
        learning_step: u32; steps done.
        state: u8[]; records of 6 bytes: i16 accumulator Q8.8, u32 running mean Q24.8.
    """

    TYPE: ClassVar[int] = 0xB2
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    learning_step: int
    state: bytes

    def pack(self) -> bytes:
        return self._HEAD.pack(self.learning_step) + self.state

    @classmethod
    def parse(cls, payload: bytes) -> LearnStateResponse:
        check_size("LearnStateResponse", payload, 4, 1)
        (learning_step,) = cls._HEAD.unpack_from(payload)
        return cls(learning_step, payload[4:])


@dataclass(frozen=True)
class CommitRequest:
    """Persists codes, corrections and, where it learns, the device loop.

    Attributes:
        revision: u32; that the host means to persist.
    """

    TYPE: ClassVar[int] = 0x40
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    revision: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.revision)

    @classmethod
    def parse(cls, payload: bytes) -> CommitRequest:
        check_size("CommitRequest", payload, 4, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class CommitResponse:
    """Answer to COMMIT.

    Attributes:
        nv_generation: u32.
    """

    TYPE: ClassVar[int] = 0xC0
    HEAD_SIZE: ClassVar[int] = 4
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<I")
    nv_generation: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.nv_generation)

    @classmethod
    def parse(cls, payload: bytes) -> CommitResponse:
        check_size("CommitResponse", payload, 4, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class ResetRequest:
    """Answers, then boots: volatile state is lost, a new session is needed."""

    TYPE: ClassVar[int] = 0x50
    HEAD_SIZE: ClassVar[int] = 0

    def pack(self) -> bytes:
        return b""

    @classmethod
    def parse(cls, payload: bytes) -> ResetRequest:
        check_size("ResetRequest", payload, 0, 0)
        return cls()


@dataclass(frozen=True)
class ResetResponse:
    """Answer to RESET."""

    TYPE: ClassVar[int] = 0xD0
    HEAD_SIZE: ClassVar[int] = 0

    def pack(self) -> bytes:
        return b""

    @classmethod
    def parse(cls, payload: bytes) -> ResetResponse:
        check_size("ResetResponse", payload, 0, 0)
        return cls()


@dataclass(frozen=True)
class GoodbyeRequest:
    """Ends the session; the chip keeps its state."""

    TYPE: ClassVar[int] = 0x51
    HEAD_SIZE: ClassVar[int] = 0

    def pack(self) -> bytes:
        return b""

    @classmethod
    def parse(cls, payload: bytes) -> GoodbyeRequest:
        check_size("GoodbyeRequest", payload, 0, 0)
        return cls()


@dataclass(frozen=True)
class GoodbyeResponse:
    """Answer to GOODBYE."""

    TYPE: ClassVar[int] = 0xD1
    HEAD_SIZE: ClassVar[int] = 0

    def pack(self) -> bytes:
        return b""

    @classmethod
    def parse(cls, payload: bytes) -> GoodbyeResponse:
        check_size("GoodbyeResponse", payload, 0, 0)
        return cls()


@dataclass(frozen=True)
class NakNotice:
    """Sent once when a frame is missing; not answered, not in sequence.

    Attributes:
        expected: u16; sequence number that the device waits for.
    """

    TYPE: ClassVar[int] = 0xFE
    HEAD_SIZE: ClassVar[int] = 2
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<H")
    expected: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.expected)

    @classmethod
    def parse(cls, payload: bytes) -> NakNotice:
        check_size("NakNotice", payload, 2, 0)
        return cls(*cls._HEAD.unpack_from(payload))


@dataclass(frozen=True)
class ErrorNotice:
    """Takes the place of a response; nothing was changed.

    Attributes:
        request_type: u8.
        error: u8; ErrorCode.
        index: u32.
        seen: u32.
        limit: u32.
    """

    TYPE: ClassVar[int] = 0xFF
    HEAD_SIZE: ClassVar[int] = 14
    _HEAD: ClassVar[struct.Struct] = struct.Struct("<BBIII")
    request_type: int
    error: int
    index: int
    seen: int
    limit: int

    def pack(self) -> bytes:
        return self._HEAD.pack(self.request_type, self.error, self.index, self.seen, self.limit)

    @classmethod
    def parse(cls, payload: bytes) -> ErrorNotice:
        check_size("ErrorNotice", payload, 14, 0)
        return cls(*cls._HEAD.unpack_from(payload))
