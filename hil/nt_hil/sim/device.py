"""Device side of the protocol: bytes in, bytes out, no I/O. The same object serves a call, a socket or a pty.

Only the expected sequence number is executed; an older one within the window gets the cached answer again; a gap
gets one NAK. HELLO opens a session with a number of its own, so that frames of an earlier one cannot be taken for it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nt_hil import messages as m
from nt_hil.codec import ALL_CHECKS, Checks, Decoder, Frame, encode
from nt_hil.messages import ErrorCode, ResetReason
from nt_hil.payload import PayloadError
from nt_hil.refusal import Refusal
from nt_hil.sim import handlers
from nt_hil.sim.simchip import SimChip
from nt_model.errors import UsageError

if TYPE_CHECKING:
    from nt_hil.sim.loop_server import LoopServer

FIRMWARE_VERSION = (0, 1, 0)
MAX_LAYERS_IN_HELLO = (m.BASE_MAX_PAYLOAD - m.HelloResponse.HEAD_SIZE) // 4 - 1


@dataclass(frozen=True)
class LinkLimits:
    """What the device side can take.

    Attributes:
        max_payload: bytes per frame, 512..65535.
        window: frames in flight whose answers it keeps, 1..255.
        checks: checks made on frames; `replay` False re-executes repeated frames. Both only for tests that show what
            they are good for.
    """

    max_payload: int = 16384
    window: int = 8
    checks: Checks = ALL_CHECKS
    replay: bool = True


class Device:
    """A simulated chip as the wire sees it."""

    def __init__(self, chip: SimChip, limits: LinkLimits | None = None) -> None:
        if len(chip.image.layers) > MAX_LAYERS_IN_HELLO:
            raise UsageError(
                "the image has more layers than HELLO can tell of",
                evidence=f"{len(chip.image.layers)}, at most {MAX_LAYERS_IN_HELLO}",
            )
        self.chip = chip
        self.limits = limits or LinkLimits()
        self._decoder = Decoder(self.limits.max_payload, self.limits.checks)
        self._session = 0
        self._sessions_opened = 0
        self._nonce = -1
        self._hello_answer = b""
        self._room = m.BASE_MAX_PAYLOAD
        self._window = 1
        self._expected = 0
        self._gap_told = False
        self._answers: OrderedDict[int, bytes] = OrderedDict()
        self._loop = self._loop_server()

    def _loop_server(self) -> LoopServer | None:
        """None without the C core, and for tests that leave a check out."""
        if self.chip.engine.name != "c" or self.limits.checks != ALL_CHECKS or not self.limits.replay:
            return None
        from nt_hil.sim.loop_server import LoopServer

        return LoopServer(self.chip, self.limits.max_payload)

    def feed(self, data: bytes) -> bytes:
        """Take bytes off the wire; gives the bytes that go back."""
        taken, answers = self._serve_loop(data)
        if taken < len(data):
            answers += [self._receive(frame) for frame in self._decoder.feed(data[taken:])]
            self.chip.settle()
        return b"".join(answers)

    def _serve_loop(self, data: bytes) -> tuple[int, list[bytes]]:
        """What `LoopServer` does with the first frames of `data`: bytes taken, and answers."""
        if self._loop is None or self._session == 0 or not self._decoder.is_between_frames:
            return 0, []
        taken, answers = self._loop.serve(data, self._session, self._expected, self._room)
        if answers:
            self._executed(self._expected, answers)
        return taken, answers

    def boot(self, reason: ResetReason) -> None:
        """What the reset pin does: volatile state and session are gone."""
        self.chip.boot(reason)
        self._decoder = Decoder(self.limits.max_payload, self.limits.checks)
        self._close_session()

    @property
    def in_session(self) -> bool:
        """A host has said HELLO and not GOODBYE."""
        return self._session != 0

    def _close_session(self) -> None:
        self._session = 0
        self._nonce = -1
        self._answers.clear()

    def _receive(self, frame: Frame) -> bytes:
        if frame.type & m.RESPONSE_BIT:
            return b""  # Our own answers, echoed by a half-duplex adapter.
        if frame.type == m.HelloRequest.TYPE:
            return self._hello(frame)
        if frame.session != self._session or self._session == 0:
            refusal = Refusal(ErrorCode.BAD_SESSION, seen=self._session)
            return self._refused(frame, refusal)
        ahead = (frame.seq - self._expected) & 0xFFFF
        if ahead == 0:
            return self._execute(frame)
        if ahead < 0x8000:
            return self._gap(frame)
        if not self.limits.replay:
            return self._answer(frame)
        return self._answers.get(frame.seq, b"")

    def _gap(self, frame: Frame) -> bytes:
        if self._gap_told:
            return b""
        self._gap_told = True
        notice = m.NakNotice(self._expected)
        return encode(Frame(frame.session, notice.TYPE, frame.seq, notice.pack()))

    def _execute(self, frame: Frame) -> bytes:
        answer = self._answer(frame)
        if self._session:
            self._executed(frame.seq, [answer])
        return answer

    def _executed(self, seq: int, answers: list[bytes]) -> None:
        """Keep the answers to requests from `seq` on."""
        kept = self._answers
        for answer in answers:
            kept[seq] = answer
            seq = (seq + 1) & 0xFFFF
            if len(kept) > self._window:
                kept.popitem(last=False)
        self._expected = seq
        self._gap_told = False

    def _refused(self, frame: Frame, refusal: Refusal) -> bytes:
        notice = refusal.notice(frame.type)
        return encode(Frame(frame.session, notice.TYPE, frame.seq, notice.pack()))

    def _answer(self, frame: Frame) -> bytes:
        try:
            payload = self._payload(frame)
        except Refusal as refusal:
            return self._refused(frame, refusal)
        return encode(Frame(frame.session, frame.type | m.RESPONSE_BIT, frame.seq, payload))

    def _payload(self, frame: Frame) -> bytes:
        if frame.type != m.LearnRequest.TYPE:
            self.chip.settle()
        try:
            if frame.type == m.StatusRequest.TYPE:
                return handlers.status(self.chip, frame.payload, self._decoder.bad_frames)
            if frame.type == m.GoodbyeRequest.TYPE:
                m.GoodbyeRequest.parse(frame.payload)
                self._close_session()
                return m.GoodbyeResponse().pack()
            if frame.type == m.ResetRequest.TYPE:
                m.ResetRequest.parse(frame.payload)
                self.boot(ResetReason.SOFTWARE)
                return m.ResetResponse().pack()
        except PayloadError as error:
            raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(frame.payload)) from error
        return handlers.handle(self.chip, frame.type, frame.payload, self._room)

    def _hello(self, frame: Frame) -> bytes:
        try:
            request = self._checked_hello(frame.payload)
        except Refusal as refusal:
            return self._refused(frame, refusal)
        if request.nonce != self._nonce:
            self._open_session(frame, request)
        return self._hello_answer

    def _checked_hello(self, payload: bytes) -> m.HelloRequest:
        # The version comes first in every HELLO there will ever be; what follows may differ.
        if len(payload) < 2:
            raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(payload))
        if payload[0] != m.PROTOCOL_MAJOR:
            raise Refusal(ErrorCode.VERSION_MISMATCH, seen=m.PROTOCOL_MAJOR * 256 + m.PROTOCOL_MINOR)
        try:
            request = m.HelloRequest.parse(payload)
        except PayloadError as error:
            raise Refusal(ErrorCode.BAD_PAYLOAD, seen=len(payload)) from error
        if request.protocol_minor == m.PROTOCOL_MINOR and request.schema_hash != m.SCHEMA_HASH:
            raise Refusal(ErrorCode.SCHEMA_MISMATCH, seen=m.SCHEMA_HASH)
        if request.max_payload < m.BASE_MAX_PAYLOAD:
            raise Refusal(ErrorCode.SETTING_RANGE, index=4, seen=request.max_payload, limit=m.BASE_MAX_PAYLOAD)
        if request.window == 0:
            raise Refusal(ErrorCode.SETTING_RANGE, index=5, seen=0, limit=1)
        return request

    def _open_session(self, frame: Frame, request: m.HelloRequest) -> None:
        self._answers.clear()
        self._session = self._sessions_opened % 255 + 1
        self._sessions_opened += 1
        self._nonce = request.nonce
        self._expected = (frame.seq + 1) & 0xFFFF
        self._gap_told = False
        self._room = min(self.limits.max_payload, request.max_payload)
        self._window = min(self.limits.window, request.window)
        answer = self._hello_response(request.nonce).pack()
        self._hello_answer = encode(Frame(self._session, m.HelloResponse.TYPE, frame.seq, answer))

    def _hello_response(self, nonce: int) -> m.HelloResponse:
        chip, image, limits = self.chip, self.chip.image, self.chip.options.limits
        return m.HelloResponse(
            m.PROTOCOL_MAJOR,
            m.PROTOCOL_MINOR,
            m.SCHEMA_HASH,
            nonce,
            self._room,
            self._window,
            *FIRMWARE_VERSION,
            chip.uid,
            bytes.fromhex(chip.loaded.digest),
            image.n_codes,
            image.n_classes,
            image.n_steps,
            limits.code_min,
            limits.code_max,
            limits.max_move_code,
            chip.options.input_slots,
            int(chip.options.capabilities),
            chip.nv.boot_count,
            int(chip.reset_reason),
            chip.nv.generation,
            (image.n_inputs, *(layer.n_neurons for layer in image.layers)),
        )
