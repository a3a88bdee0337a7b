"""What only a device has: the watch over a silent host, boots that fail, and the memory that it takes."""

from __future__ import annotations

import numpy as np
import pytest

from nt_hil import messages as m
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.messages import ErrorCode
from nt_hil.refusal import SessionLostError
from nt_model.errors import DeviceError
from nt_model.image_file import image_bytes
from tests.core.cases import ImageChoice, build_image
from tests.device.native import NativeDevice
from tests.device.test_client import client_of

SILENCE_US = 120_000_000
CHOICE = ImageChoice(5, (20, 40, 8), "any", "small", "reached", "own", 2, 1, 3)


@pytest.fixture
def fresh(native: NativeDevice) -> NativeDevice:
    assert native.boot(image_bytes(build_image(CHOICE))).result == 0
    return native


def in_pieces(device: NativeDevice, us: int) -> None:
    """Time passes while the core polls, as on a board."""
    for _ in range(4):
        device.wait(us // 4)


def test_a_silent_host_loses_codes_that_it_did_not_commit(fresh: NativeDevice) -> None:
    chip = client_of(fresh)
    chip.write_codes(np.full(48, 140, np.uint8))
    chip.commit()
    revision = chip.write_codes(np.full(48, 150, np.uint8))
    in_pieces(fresh, SILENCE_US - 4000)
    assert (chip.read_codes()[0] == 150).all()
    in_pieces(fresh, SILENCE_US)
    with pytest.raises(SessionLostError):
        chip.status()
    again = client_of(fresh)
    codes, restored = again.read_codes()
    assert (codes == 140).all()
    assert restored == revision + 1
    assert not again.status().learning


def test_committed_codes_are_kept_however_long_the_silence(fresh: NativeDevice) -> None:
    chip = client_of(fresh)
    chip.write_codes(np.full(48, 140, np.uint8))
    chip.commit()
    in_pieces(fresh, 10 * SILENCE_US)
    assert (chip.read_codes()[0] == 140).all()


def test_goodbye_ends_the_watch(fresh: NativeDevice) -> None:
    chip = client_of(fresh)
    chip.write_codes(np.full(48, 150, np.uint8))
    chip._ask(m.GoodbyeRequest.TYPE, b"")
    in_pieces(fresh, 3 * SILENCE_US)
    assert (client_of(fresh).read_codes()[0] == 150).all()


@pytest.mark.parametrize(("at", "error"), [(0, -16), (-1, -19), (None, -18)])
def test_a_bad_image_is_told_at_hello(native: NativeDevice, at: int | None, error: int) -> None:
    data = bytearray(image_bytes(build_image(CHOICE)))
    if at is None:
        data = data[:-4]
    else:
        data[at] ^= 1
    assert native.boot(bytes(data)).result == error
    request = m.HelloRequest(m.PROTOCOL_MAJOR, m.PROTOCOL_MINOR, m.SCHEMA_HASH, 9, 512, 2)
    answer = Decoder().feed(native.feed(encode(Frame(0, request.TYPE, 0, request.pack()))))[0]
    notice = m.ErrorNotice.parse(answer.payload)
    assert (notice.error, notice.seen) == (ErrorCode.BUSY, error & 0xFFFFFFFF)
    with pytest.raises(DeviceError, match="busy"):
        client_of(native)


@pytest.mark.parametrize("scratch_bytes", [0, 16, 600, 3000, 4000, 8000])
def test_too_little_memory_is_an_error_and_not_an_overrun(native: NativeDevice, scratch_bytes: int) -> None:
    assert native.boot(image_bytes(build_image(CHOICE)), scratch_bytes=scratch_bytes).result == -2
    native.feed(b"\0\1\2\3\0")


def refusal_of(device: NativeDevice, requests: list[tuple[int, bytes]]) -> tuple[int, int, int]:
    """Error, index and limit of the last of `requests`, sent in a new session."""
    chip = client_of(device)
    frames = b"".join(
        encode(Frame(chip.session._session, kind, chip.session._seq + at, payload))
        for at, (kind, payload) in enumerate(requests)
    )
    notice = m.ErrorNotice.parse(Decoder().feed(device.feed(frames))[-1].payload)
    return notice.error, notice.index, notice.limit


def test_a_small_board_refuses_what_it_has_no_memory_for(native: NativeDevice) -> None:
    choice = ImageChoice(1, (784, 60, 10), "any", "small", "reached", "own", 0, 0, 2)
    assert native.boot(image_bytes(build_image(choice)), scratch_bytes=60 << 10).result == 0
    slots = client_of(native).info.input_slots
    long_raster = m.InputLoadRequest(0, 3, m.Packing.BITS, 0, 8, b"\0")
    assert refusal_of(native, [(long_raster.TYPE, long_raster.pack())]) == (ErrorCode.SETTING_RANGE, 1, 2)
    long_run = m.PresentRequest(3, 0, 0, 0, (0,))
    assert refusal_of(native, [(long_run.TYPE, long_run.pack())]) == (ErrorCode.SETTING_RANGE, 0, 2)
    start = m.LearnStartRequest(0, 10, 10, 100, 8, 0, 255)
    pairs_max = max(64, slots)
    batch = [m.LearnRequest(0, place, 100, (0, 0) * 60) for place in (1, *[0] * (pairs_max // 60))]
    sent = [(start.TYPE, start.pack()), *((each.TYPE, each.pack()) for each in batch)]
    assert refusal_of(native, sent) == (ErrorCode.SETTING_RANGE, 3, pairs_max)


@pytest.mark.parametrize("sizes", [(16, 32, 10), (784, 128, 10), (784, 256, 10), (784, 512, 10)])
def test_memory_stays_in_its_budget(native: NativeDevice, sizes: tuple[int, ...]) -> None:
    """But for the input slots, with the pointers of this machine, which are twice as long as a board's."""
    choice = ImageChoice(1, sizes, "any", "small", "reached", "own", 0, 0, 1)
    opened = native.boot(image_bytes(build_image(choice)), scratch_bytes=86 << 10)
    assert opened.result == 0
    neurons = sum(sizes[1:])
    taken = opened.ram_bytes + native.struct_bytes
    print(f"{neurons} neurons: {taken} bytes, {client_of(native).info.input_slots} slots left")
    assert taken <= 11.5 * 1024 + 39 * neurons
