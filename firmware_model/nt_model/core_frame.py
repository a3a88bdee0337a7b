"""The C core's frame codec of the wire (docs/spec_wire.md)."""

from __future__ import annotations

from dataclasses import dataclass

from nt_model.core_library import accepted, ffi, lib


@dataclass(frozen=True)
class Frame:
    """One frame of the wire (docs/spec.md, section 3); `payload` of at most 65535 bytes."""

    session: int
    type: int
    seq: int
    payload: bytes


def encode_frame(frame: Frame) -> bytes:
    """Bytes on the wire: 0x00, the stuffed frame, 0x00."""
    payload = ffi.from_buffer("uint8_t[]", frame.payload)
    c_frame = ffi.new(
        "struct nt_frame *",
        {
            "session": frame.session,
            "type": frame.type,
            "seq": frame.seq,
            "length": len(frame.payload),
            "payload": payload,
        },
    )
    capacity = len(frame.payload) + 10 + (len(frame.payload) + 10) // 254 + 3
    out = ffi.new("uint8_t[]", capacity)
    return bytes(ffi.buffer(out, accepted("nt_frame_encode", lib.nt_frame_encode(c_frame, out, capacity))))


class FrameDecoder:
    """Incremental decoder with a buffer for payloads of up to `max_payload` bytes."""

    def __init__(self, max_payload: int) -> None:
        self._capacity = max_payload + 10
        self._buffer = ffi.new("uint8_t[]", self._capacity)
        self._decoder = ffi.new("struct nt_frame_decoder *")
        self._frame = ffi.new("struct nt_frame *")
        lib.nt_frame_decoder_begin(self._decoder, self._buffer, self._capacity)

    def push(self, data: bytes) -> list[Frame | int]:
        """What `data` completes, in order: frames, and the negative error of each frame that was dropped."""
        found: list[Frame | int] = []
        for byte in data:
            result = int(lib.nt_frame_decoder_push(self._decoder, byte, self._frame))
            if result != 0:
                found.append(self._taken() if result > 0 else result)
        return found

    def _taken(self) -> Frame:
        frame = self._frame
        payload = bytes(ffi.buffer(frame.payload, frame.length))
        return Frame(int(frame.session), int(frame.type), int(frame.seq), payload)
