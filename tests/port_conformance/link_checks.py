"""What the link owes the host: bursts without loss, frames however they are cut, garbage, silence, long answers."""

from __future__ import annotations

import random
import time

import numpy as np

from nt_hil import messages as m
from nt_hil.chip import Dither, Readout
from nt_hil.exchange import Outgoing
from nt_hil.records import RecordLayout
from nt_hil.sample_frames import Presentation, load_requests
from nt_hil.session import Session
from tests.port_conformance.bench import SEED, Bench, answered_once, frames_of, status_request

BURSTS = 6
IDLE_S = 3.0


def burst_at_full_window_loses_nothing(bench: Bench) -> None:
    """A window of the largest frames in one write, several times; nothing is ever repeated."""
    bad_before = bench.client().status().bad_frames
    session, hello = bench.session()
    count = min(bench.first.input_slots, 8)
    samples = np.minimum(bench.samples(count)[:, None, :] * 3, 255)
    requests = [r for r in load_requests(samples, 0, hello.max_payload) if len(r.payload) == hello.max_payload]
    largest = (requests or list(load_requests(samples, 0, hello.max_payload)))[0]
    for _ in range(BURSTS):
        wires = frames_of(session, [largest] * hello.window)
        answered_once(bench.link, wires, [largest.type] * hello.window)
    refused = bench.client().status().bad_frames - bad_before
    assert refused == 0, f"the device refused {refused} frames that were sent whole"


def many_small_frames_back_to_back(bench: Bench) -> None:
    """Frames that share their delimiters' place in one write, window after window."""
    session, hello = bench.session()
    for _ in range(20):
        wires = frames_of(session, [status_request()] * hello.window)
        shared = [wires[0], *(wire[1:] for wire in wires[1:])]
        answered_once(bench.link, shared, [m.StatusRequest.TYPE] * hello.window)


def frames_in_pieces(bench: Bench) -> None:
    """Byte by byte with pauses, and cut at every place of a frame."""
    session, _ = bench.session()
    wire = frames_of(session, [status_request()])[0]
    for byte in wire[:-1]:
        bench.link.write(bytes((byte,)))
        time.sleep(0.002)
    answered_once(bench.link, [wire[-1:]], [m.StatusRequest.TYPE])
    for cut in range(1, len(wire)):
        wire = frames_of(session, [status_request()])[0]
        bench.link.write(wire[:cut])
        time.sleep(0.02)
        answered_once(bench.link, [wire[cut:]], [m.StatusRequest.TYPE])


def garbage_harms_nothing(bench: Bench) -> None:
    """Noise with and without delimiters, an endless frame, frames cut short and spoiled: no answer, no change."""
    chip = bench.client()
    chip.write_codes(bench.codes(5))
    before = chip.status()
    dice = random.Random(SEED)
    whole = encode_status(chip.session)
    pieces = [dice.randbytes(3000), bytes(dice.randrange(1, 256) for _ in range(5000)), b"\0" * 500]
    pieces += [whole[: dice.randrange(3, len(whole) - 1)] + b"\0" for _ in range(20)]
    pieces += [_spoiled(whole, dice) for _ in range(20)]
    for piece in pieces:
        bench.link.write(piece)
    bench.link.write(b"\0")
    after = chip.status()
    assert after.bad_frames > before.bad_frames
    assert (after.revision, after.boot_count) == (before.revision, before.boot_count)
    np.testing.assert_array_equal(chip.read_codes()[0], bench.codes(5))


def encode_status(session: Session) -> bytes:
    """A frame that would count if it arrived whole; its number is not taken."""
    wire = frames_of(session, [status_request()])[0]
    session._seq = (session._seq - 1) & 0xFFFF
    return wire


def _spoiled(wire: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(1, len(wire) - 1)
    return wire[:at] + bytes((wire[at] ^ 1 << dice.randrange(8),)) + wire[at + 1 :]


def long_idle_is_no_matter(bench: Bench) -> None:
    """The first frame after a silence is answered as any other; codes that are committed end no session."""
    bench.client().reset()
    session, _ = bench.session()
    time.sleep(IDLE_S)
    answered_once(bench.link, frames_of(session, [status_request()]), [m.StatusRequest.TYPE])


def longest_answers_arrive_whole(bench: Bench) -> None:
    """Windows of PRESENT with all there is to read, asked for once: planes, dither and membranes of many samples."""
    session, hello = bench.session()
    count = min(bench.first.input_slots, 16)
    for load in load_requests(bench.samples(count)[:, None, :], 0, hello.max_payload):
        answered_once(bench.link, frames_of(session, [load]), [load.type])
    requests = _present_all(bench, hello, count)
    longest = 0
    for begin in range(0, len(requests), hello.window):
        part = requests[begin : begin + hello.window]
        answers = answered_once(bench.link, frames_of(session, part), [request.type for request in part])
        longest = max(longest, *(len(answer.payload) for answer in answers))
    assert longest > hello.max_payload // 2, f"the longest answer had {longest} bytes: the image is too small"


def _present_all(bench: Bench, hello: m.HelloResponse, count: int) -> list[Outgoing]:
    readout = Readout(hidden=True, dither=Dither(20, 9), membrane=True)
    flags = m.ReadoutFlag.HIDDEN | m.ReadoutFlag.DITHER | m.ReadoutFlag.MEMBRANE
    layout = RecordLayout(hello.layer_sizes[1:], bench.image.n_steps, flags)
    return Presentation(layout, readout, hello.max_payload).requests(np.arange(count, dtype=np.int64), count)
