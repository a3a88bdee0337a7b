"""What only a device has: the watch over a silent host, boots that fail, and the memory that it takes."""

from __future__ import annotations

import numpy as np
import pytest

from nt_hil import messages as m
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.messages import ErrorCode
from nt_hil.refusal import SessionLostError
from nt_model.correction import Corrections
from nt_model.errors import DeviceError
from nt_model.image_file import image_bytes
from nt_model.learn import LearnSettings
from tests.core.cases import ImageChoice, build_image
from tests.device.native import NativeDevice
from tests.device.test_client import client_of, samples

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


def some_corrections() -> Corrections:
    rng = np.random.default_rng(8)
    return Corrections(rng.integers(-400, 400, 48), rng.integers(-60, 60, 48), rng.integers(-20, 20, 48))


def test_a_silent_host_loses_corrections_that_it_did_not_commit(fresh: NativeDevice) -> None:
    chip = client_of(fresh)
    chip.write_corrections(some_corrections())
    chip.commit()
    chip.write_corrections(Corrections.none(48))
    in_pieces(fresh, 2 * SILENCE_US)
    assert (client_of(fresh).read_corrections() == some_corrections().pack()).all()


@pytest.mark.parametrize("back", ["reset", "silence"])
def test_a_device_loop_goes_on_from_its_last_commit(fresh: NativeDevice, back: str) -> None:
    """Codes, accumulators and means of an unbroken loop, whatever became of the steps behind the commit."""
    image = build_image(CHOICE)
    x, labels, slots = samples(image, 8), np.arange(8) % image.n_classes, np.arange(8)
    chip = client_of(fresh)
    chip.load_samples(x)
    chip.learn_start(LearnSettings(hidden_dither_code=40, output_dither_code=20, rate_q8=300))
    for step in range(6):
        if step == 3:
            chip.commit()
        chip.learn_loaded(slots, labels, 300)
    unbroken = (chip.read_codes()[0], *chip.learn_state())
    if back == "reset":
        chip.reset()
    else:
        in_pieces(fresh, 2 * SILENCE_US)
        chip = client_of(fresh)
    assert (chip.status().learning, chip.status().learning_step) == (True, 3)
    assert not (chip.read_codes()[0] == unbroken[0]).all()
    chip.load_samples(x)
    for _ in range(3):
        chip.learn_loaded(slots, labels, 300)
    for one, other in zip((chip.read_codes()[0], *chip.learn_state()), unbroken, strict=True):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize(("neurons", "learns_on"), [(4000, True), (5000, False)])
def test_a_log_without_room_for_the_device_loop_takes_the_rest(
    native: NativeDevice, neurons: int, learns_on: bool
) -> None:
    """An area of 64 KiB: two sets of codes and loop, at 7 bytes per code, find room up to 4668 codes."""
    choice = ImageChoice(1, (4, neurons, 2), "any", "small", "reached", "own", 0, 0, 1)
    assert native.boot(image_bytes(build_image(choice))).result == 0
    chip = client_of(native)
    codes = chip.read_codes()[0] + 2
    chip.write_codes(codes)
    chip.learn_start(LearnSettings())
    chip.commit()
    chip.reset()
    assert (chip.read_codes()[0] == codes).all()
    assert chip.status().learning is learns_on


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
    assert (notice.error, notice.seen) == (ErrorCode.NO_IMAGE, error & 0xFFFFFFFF)
    with pytest.raises(DeviceError, match="no chip image"):
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


BOARD_BYTES = 86 << 10


@pytest.mark.parametrize("sizes", [(784, 256, 128, 10), (784, 1024, 10), (128, 512, 256, 80)])
def test_memory_is_16_bytes_per_neuron_and_16_kib(native: NativeDevice, sizes: tuple[int, ...]) -> None:
    """All the core takes but for the input slots and the list of a batch, which grows with them. The pointers of this
    machine are twice as long as a board's, so a board takes less."""
    choice = ImageChoice(1, sizes, "any", "small", "reached", "own", 0, 0, 1)
    opened = native.boot(image_bytes(build_image(choice)), scratch_bytes=BOARD_BYTES)
    assert opened.result == 0
    neurons = sum(sizes[1:])
    taken = opened.ram_bytes + native.struct_bytes
    print(f"{neurons} neurons: {taken} bytes of {16 * neurons + 16384}")
    assert taken <= 16 * neurons + 16384


def board_sums(sizes: tuple[int, ...], domains: str) -> ImageChoice:
    return ImageChoice(4, sizes, "any", "small", "reached", domains, 0, 0, 1)


@pytest.mark.parametrize(
    ("choice", "small_kib", "is_larger"),
    [
        (board_sums((60, 200, 200, 100), "own"), 64, True),
        (board_sums((60, 200, 200, 100), "split"), 64, True),
        (board_sums((30, 90, 60, 9), "mixed"), 18, True),
        (board_sums((6, 30, 25, 24, 23, 22, 9), "own"), 64, False),
    ],
)
def test_sums_of_32_bits_move_the_codes_as_those_of_64(
    native: NativeDevice, choice: ImageChoice, small_kib: int, is_larger: bool
) -> None:
    """A small memory holds few samples, so that 32 bits are known to hold their sums; in a larger one they are not. The
    last image needs 64 bits in either."""
    image = build_image(choice)
    ends, taken = [], []
    for kib in (small_kib, 255):
        opened = native.boot(image_bytes(image), scratch_bytes=kib << 10)
        assert opened.result == 0
        taken.append(opened.ram_bytes)
        chip = client_of(native)
        chip.load_samples(samples(image, 16))
        chip.learn_start(LearnSettings(hidden_dither_code=60, output_dither_code=40, rate_q8=900))
        for step in range(6):
            chip.learn_loaded(np.arange(16), np.arange(16) % image.n_classes, 900 - step)
        ends.append(chip.read_codes()[0].tolist())
    assert (taken[1] > taken[0]) == is_larger
    assert ends[0] == ends[1]
    assert len(set(ends[0])) > 3
