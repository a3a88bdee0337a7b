"""Random frames for a device: mostly good requests made of where the device stands, and every way of going wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

from nt_hil import messages as m
from nt_hil.codec import Frame, encode
from nt_hil.messages import ChunkFlag, CodeForm, Packing, ReadoutFlag
from nt_hil.sim.device import Device

PAYLOAD_MAX = 512
Payload = tuple[int, bytes]


class Traffic:
    """Makes requests for `device`, whose state it looks up so that most of them are accepted."""

    def __init__(self, device: Device, rng: random.Random) -> None:
        self.device = device
        self.rng = rng
        self.history: list[bytes] = []
        self.loaded_to = (0, 1, 0)

    def _seldom(self, value: int, otherwise: int, share: float = 0.08) -> int:
        return otherwise if self.rng.random() < share else value

    def _bytes(self, count: int) -> bytes:
        return self.rng.randbytes(count)

    def hello(self) -> bytes:
        rng = self.rng
        request = m.HelloRequest(
            self._seldom(m.PROTOCOL_MAJOR, 2),
            self._seldom(m.PROTOCOL_MINOR, 1),
            self._seldom(m.SCHEMA_HASH, 7),
            rng.randrange(3),
            rng.choice((512, 512, 65535, 4096, 511, 0)),
            rng.choice((1, 2, 3, 8, 32, 255, 0)),
        )
        payload = request.pack()
        if rng.random() < 0.05:
            payload = payload[: rng.randrange(len(payload))] if rng.random() < 0.5 else payload + b"\1"
        return encode(Frame(rng.choice((0, 0, 5)), request.TYPE, rng.randrange(65536), payload))

    def codes_read(self) -> Payload:
        n = self.device.chip.image.n_codes
        start = self.rng.choice((0, self.rng.randrange(n), n, 2**32 - 1))
        count = self.rng.choice((0, 1, max(0, n - start), self.rng.randrange(600)))
        return m.CodesReadRequest.TYPE, m.CodesReadRequest(start, count).pack()

    def _form_data(self, form: int, codes: bytes) -> bytes:
        rng = self.rng
        if form == CodeForm.SPARSE:
            return b"".join(rng.randrange(len(codes) + 1).to_bytes(2, "little") + bytes([code]) for code in codes)
        if form == CodeForm.MASKED:
            span = rng.randrange(len(codes), len(codes) + 9) if codes else 0
            marked = sorted(rng.sample(range(span), len(codes)))
            mask = bytearray(-(-span // 8))
            for bit in marked:
                mask[bit // 8] |= 1 << bit % 8
            return span.to_bytes(2, "little") + bytes(mask) + codes
        return codes

    def codes_write(self) -> Payload:
        rng, bank = self.rng, self.device.chip.bank
        n = len(bank.codes)
        start = self._seldom(rng.randrange(n), rng.choice((n, 2**32 - 1)))
        count = rng.randrange(min(n - start, 40) + 1) if start < n else rng.randrange(3)
        near = [int(bank.codes[min(start + i, n - 1)]) + rng.randrange(-4, 5) for i in range(count)]
        codes = bytes(min(255, max(0, code)) if rng.random() < 0.98 else rng.randrange(256) for code in near)
        form = self._seldom(rng.randrange(3), rng.randrange(256), 0.04)
        chunk = rng.choice((ChunkFlag.FIRST | ChunkFlag.LAST, ChunkFlag.FIRST, ChunkFlag.LAST, 0, 255))
        data = self._form_data(form, codes)
        if rng.random() < 0.04:
            data = data[:-1]
        revision = self._seldom(bank.revision, rng.randrange(2**32), 0.04)
        return m.CodesWriteRequest.TYPE, m.CodesWriteRequest(revision, int(chunk), form, start, data).pack()

    def input_load(self) -> Payload:
        rng, image = self.rng, self.device.chip.image
        steps = self._seldom(rng.choice((1, image.n_steps)), rng.choice((0, 2, 3, 3)), 0.15)
        slot = self._seldom(rng.randrange(6), rng.choice((4094, 4095, 65535)), 0.05)
        size = max(1, steps) * image.n_inputs
        offset = self._seldom(0, rng.choice((rng.randrange(size), size, 2**32 - 1)), 0.15)
        if rng.random() < 0.4:
            slot, steps, offset = self.loaded_to
            size = max(1, steps) * image.n_inputs
        bits = rng.random() < 0.6
        whole = size * rng.randrange(1, 4)
        count = min(whole if rng.random() < 0.6 else rng.randrange(whole + 1), 4000 if bits else 500)
        data = self._bytes(-(-count // 8)) if bits else bytes(rng.choice((0, 0, 1, 2, 255)) for _ in range(count))
        packing = self._seldom(Packing.BITS if bits else Packing.BYTES, rng.randrange(256), 0.03)
        claimed = self._seldom(count, rng.randrange(2**32), 0.03)
        self.loaded_to = ((slot + (offset + count) // size) % 6, steps, (offset + count) % size)
        request = m.InputLoadRequest(slot, steps, packing, offset, claimed, data)
        return request.TYPE, request.pack()[:PAYLOAD_MAX]

    def _slot(self) -> int:
        return self._seldom(self.rng.randrange(6), self.rng.choice((4095, 4096, 65535)), 0.01)

    def present(self) -> Payload:
        rng, image = self.rng, self.device.chip.image
        flags = self._seldom(rng.randrange(16), 16 + rng.randrange(240), 0.02)
        if flags & 3 == ReadoutFlag.HIDDEN | ReadoutFlag.DITHER:
            flags |= rng.choice((0, int(ReadoutFlag.GATES)))
        slots = tuple(self._slot() for _ in range(rng.choice((0, 1, 1, 1, 2, 5))))
        if flags & ReadoutFlag.RANGE and rng.random() < 0.95:
            slots = (rng.randrange(3), rng.choice((0, 1, 1, 2, 3, 65535)))
        steps = self._seldom(rng.choice((0, image.n_steps)), rng.choice((1, 2, 3, 9)), 0.2)
        dither = [self._seldom(rng.randrange(1, 128), rng.choice((0, 128, 255))) for _ in range(2)]
        return m.PresentRequest.TYPE, m.PresentRequest(steps, flags, dither[0], dither[1], slots).pack()

    def result(self) -> Payload:
        offset = self.rng.choice((0, 506, self.rng.randrange(3000), 2**32 - 1))
        return m.ResultRequest.TYPE, m.ResultRequest(offset).pack()

    def learn_start(self) -> Payload:
        rng, limits = self.rng, self.device.chip.options.limits
        low, high = sorted((rng.randint(limits.code_min, limits.code_max), limits.code_max))
        request = m.LearnStartRequest(
            rng.choice((0, 0, 5, 2**32 - 1)),
            self._seldom(rng.randrange(1, 128), rng.choice((0, 128)), 0.03),
            self._seldom(rng.randrange(1, 128), 0, 0.03),
            self._seldom(rng.randrange(1, 32768), 40000, 0.03),
            self._seldom(rng.randint(1, min(127, limits.max_move_code)), rng.choice((0, 255)), 0.03),
            self._seldom(low, rng.randrange(256), 0.03),
            self._seldom(high, rng.randrange(256), 0.03),
        )
        return request.TYPE, request.pack()

    def learn(self) -> Payload:
        rng, chip = self.rng, self.device.chip
        pairs: list[int] = []
        for _ in range(rng.choice((0, 1, 2, 3, 8))):
            pairs += (self._slot(), self._seldom(rng.randrange(chip.image.n_classes), 4000, 0.02))
        if rng.random() < 0.03:
            pairs.append(1)
        step = self._seldom(chip.learner.step, rng.choice((chip.learner.step - 1, 77)) % 2**32, 0.15)
        chunk = int(rng.choice((ChunkFlag.FIRST | ChunkFlag.LAST, ChunkFlag.FIRST, ChunkFlag.LAST, 0)))
        rate = self._seldom(rng.randrange(1, 32768), rng.choice((0, 32768)), 0.03)
        return m.LearnRequest.TYPE, m.LearnRequest(step, chunk, rate, tuple(pairs)).pack()

    def commit(self) -> Payload:
        revision = self._seldom(self.device.chip.bank.revision, 12345, 0.1)
        return m.CommitRequest.TYPE, m.CommitRequest(revision).pack()

    def correction_read(self) -> Payload:
        n = self.device.chip.image.n_codes
        start = self.rng.choice((0, self.rng.randrange(n), n, 2**32 - 1))
        count = self.rng.choice((0, 1, max(0, n - start), self.rng.randrange(160)))
        return m.CorrectionReadRequest.TYPE, m.CorrectionReadRequest(start, count).pack()

    def correction_write(self) -> Payload:
        """Small corrections mostly, so that a slew limit lets some through; some of any bits."""
        rng, bank = self.rng, self.device.chip.bank
        n = len(bank.codes)
        start = self._seldom(rng.randrange(n), rng.choice((n, n + 1, 2**32 - 1)))
        count = self._seldom(rng.randrange(max(1, min(n - start, 40))), rng.randrange(120), 0.05)
        wide = rng.random() < 0.15
        words = tuple(
            rng.randrange(2**32) if wide else self._small_correction() if rng.random() < 0.8 else 0
            for _ in range(count)
        )
        revision = self._seldom(bank.revision, rng.randrange(2**32), 0.04)
        payload = m.CorrectionWriteRequest(revision, start, words).pack()
        return m.CorrectionWriteRequest.TYPE, payload[:-1] if rng.random() < 0.03 else payload

    def _small_correction(self) -> int:
        rng = self.rng
        return (
            rng.randrange(-60, 60) & 0x1FFF
            | (rng.randrange(-8, 9) & 0x3FF) << 13
            | (rng.randrange(-3, 4) & 0x1FF) << 23
        )

    def stimulate(self) -> Payload:
        rng, image = self.rng, self.device.chip.image
        layer = self._seldom(rng.randrange(len(image.layers)), rng.choice((len(image.layers), 255)), 0.05)
        shape = image.layers[min(layer, len(image.layers) - 1)].weight.shape
        inputs = rng.sample(range(shape[1]), rng.randrange(min(shape[1], 160) + 1))
        if rng.random() < 0.95:
            inputs.sort()
        if rng.random() < 0.05:
            inputs = [*inputs[:160], rng.choice((shape[1], 65535, 0))]
        steps, repeats = rng.choice(((1, 1), (1, 255), (3, 7), (255, 1), (2, rng.randrange(128))))
        steps, repeats = self._seldom(steps, rng.randrange(256), 0.05), self._seldom(repeats, rng.randrange(256), 0.05)
        start = self._seldom(rng.randrange(shape[0]), rng.choice((shape[0], 0, 2**32 - 1)), 0.1)
        count = self._seldom(max(1, shape[0] - start), rng.choice((0, 1, 513, 65535)), 0.15)
        events = b"".join(each.to_bytes(2, "little") + bytes([rng.choice((0, 1, 1, 2, 9, 255))]) for each in inputs)
        if rng.random() < 0.03:
            events += b"\0"
        request = m.StimulateRequest(layer, steps, repeats, start, count & 0xFFFF, events)
        return request.TYPE, request.pack()[:PAYLOAD_MAX]

    def learn_state(self) -> Payload:
        n = self.device.chip.image.n_codes
        start = self.rng.choice((0, 0, self.rng.randrange(n), n, 2**32 - 1))
        count = self.rng.choice((0, 1, min(max(0, n - start), 84), self.rng.randrange(160)))
        return m.LearnStateRequest.TYPE, m.LearnStateRequest(start, count).pack()

    def plain(self) -> Payload:
        return self.rng.choice((m.StatusRequest.TYPE,) * 6 + (m.GoodbyeRequest.TYPE, m.ResetRequest.TYPE)), b""

    def wild(self) -> Payload:
        """Any type with any payload."""
        return self.rng.randrange(256), self._bytes(self.rng.choice((0, 1, 2, 6, 11, 13, 100, 512)))

    def request(self) -> bytes:
        """A frame of any request, in sequence with few exceptions."""
        makers: tuple[Callable[[], Payload], ...] = (
            self.codes_read,
            self.codes_write,
            self.codes_write,
            self.codes_write,
            self.input_load,
            self.input_load,
            self.input_load,
            self.present,
            self.present,
            self.present,
            self.result,
            self.correction_read,
            self.correction_write,
            self.correction_write,
            self.stimulate,
            self.stimulate,
            self.learn_state,
            self.learn_start,
            self.learn,
            self.learn,
            self.learn,
            self.commit,
            self.plain,
            self.wild,
        )
        kind, payload = self.rng.choice(makers)()
        if self.rng.random() < 0.03:
            payload = payload[: self.rng.randrange(len(payload) + 1)]
        seq = self.device._expected
        if self.rng.random() < 0.08:
            seq += self.rng.choice((1, 2, 9, 300, 0x7FFF, 0x8000, -1, -2, -3, -8, -9, -40))
        session = self._seldom(self.device._session, self.rng.randrange(256), 0.03)
        frame = encode(Frame(session, kind, seq & 0xFFFF, payload[:PAYLOAD_MAX]))
        self.history.append(frame)
        return frame

    def again(self) -> bytes:
        """A frame that was sent before, most likely the last one."""
        if not self.history:
            return b"\0"
        return self.history[-1 - min(int(self.rng.expovariate(0.7)), len(self.history) - 1)]

    def damaged(self) -> bytes:
        """A request with one byte changed, cut out or put in."""
        frame = bytearray(self.request())
        at = self.rng.randrange(len(frame))
        change = self.rng.randrange(3)
        frame[at : at + (change != 1)] = b"" if change == 0 else self._bytes(1)
        return bytes(frame)

    def noise(self) -> bytes:
        """Bytes of anything; sometimes more than any frame."""
        count = self.rng.choice((1, 3, 30, 520, 530, 2000))
        return bytes(self.rng.choice((0, 1, 5, 255, self.rng.randrange(256))) for _ in range(count)) + b"\0"
