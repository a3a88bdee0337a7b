"""What a boot owes the host: the marker, a reason, an id that stays, and NV that kept what was committed."""

from __future__ import annotations

import numpy as np

from nt_hil import messages as m
from nt_hil.codec import Decoder, Frame
from nt_hil.exchange import Outgoing
from tests.port_conformance.bench import (
    DEADLINE_S,
    MARKER_BEGIN,
    MARKER_END,
    Bench,
    answered_once,
    frames_of,
)

BOOTS = 4


def hello_tells_what_the_chip_is(bench: Bench) -> None:
    info, image = bench.client().info, bench.image
    assert info.layer_sizes == (image.n_inputs, *(layer.weight.shape[0] for layer in image.layers))
    assert (info.n_codes, info.n_classes, info.n_steps) == (image.n_codes, image.n_classes, image.n_steps)
    assert info.max_payload >= m.BASE_MAX_PAYLOAD
    assert info.window >= 2
    assert info.input_slots >= 1
    assert info.code_min <= 100
    assert info.code_max >= 156
    assert info.boot_count >= 1
    assert int(info.uid, 16) not in (0, 2**64 - 1), "an id of all zeros or ones is an unread register"
    if bench.was_powered_on:
        assert bench.first.reset_reason == "power-on", f"first boot says {bench.first.reset_reason}"


def reset_answers_then_boots_with_marker(bench: Bench) -> None:
    """`reset` lets the last answer leave, whole, and the boot marker follows; nothing else is on the line."""
    session, _ = bench.session()
    bench.link.write(frames_of(session, [Outgoing(m.ResetRequest.TYPE, m.ResetRequest().pack())])[0])
    seen, until = b"", bench.link.now() + DEADLINE_S
    while not (MARKER_BEGIN in seen and seen.endswith(MARKER_END)) and bench.link.now() < until:
        seen += bench.link.read(0.5)
    answer, begin, marker = seen.partition(MARKER_BEGIN)
    assert begin, f"no boot marker {MARKER_BEGIN!r} after RESET, but {seen[-60:]!r}"
    assert marker.endswith(MARKER_END), f"the boot marker does not end: {marker!r}"
    assert marker.count(b"\n") == 1, f"bytes of something else around the boot marker: {marker!r}"
    frame = _only_frame(answer)
    assert frame.type == m.ResetResponse.TYPE, f"RESET was answered with type {frame.type:#04x}"


def _only_frame(data: bytes) -> Frame:
    decoder = Decoder()
    frames = decoder.feed(data + b"\0")
    assert len(frames) == 1, f"the answer to RESET did not leave before the boot: {data!r}"
    assert decoder.bad_frames == 0, f"the answer to RESET is not alone: {data!r}"
    return frames[0]


def every_reset_is_a_boot_of_the_same_chip(bench: Bench) -> None:
    chip = bench.client()
    uid, boots = chip.info.uid, chip.info.boot_count
    assert uid == bench.first.uid, f"the unique id was {bench.first.uid} and is {uid}"
    for turn in range(1, BOOTS + 1):
        chip.reset()
        assert chip.info.uid == uid, f"the unique id was {uid} and is {chip.info.uid} after reset {turn}"
        assert chip.info.boot_count == boots + turn, f"boot {boots + turn} says it is boot {chip.info.boot_count}"
        assert chip.info.reset_reason == "software", f"after RESET the reason is {chip.info.reset_reason}"


def committed_codes_outlive_resets(bench: Bench) -> None:
    """Each turn writes both areas: the first commit after a boot moves the set to the other one."""
    chip = bench.client()
    for turn in range(BOOTS):
        codes, before = bench.codes(turn), chip.info.nv_generation
        chip.write_codes(codes)
        generation = chip.commit()
        assert generation == before + 1, f"generation {before} was followed by {generation}"
        chip.write_codes(bench.codes(turn + 100))
        for boot in range(2):  # a boot writes to the log, too: what it did shows in the next one
            chip.reset()
            assert chip.info.nv_generation == generation, f"committed {generation}, found {chip.info.nv_generation}"
            np.testing.assert_array_equal(chip.read_codes()[0], codes, err_msg=f"turn {turn}, boot {boot}")


def many_commits_in_one_boot(bench: Bench) -> None:
    """The log grows, record behind record; the last one counts."""
    chip = bench.client()
    for turn in range(12):
        chip.write_codes(bench.codes(turn))
        chip.commit()
    chip.reset()
    np.testing.assert_array_equal(chip.read_codes()[0], bench.codes(11))


def session_of_the_boot_before_is_refused(bench: Bench) -> None:
    """RAM begins anew: a frame of the old session is told so."""
    session, _ = bench.session()
    stale = frames_of(session, [Outgoing(m.StatusRequest.TYPE, m.StatusRequest().pack())])
    bench.client().reset()
    frame = answered_once(bench.link, stale, [m.ErrorNotice.TYPE])[0]
    assert m.ErrorNotice.parse(frame.payload).error == m.ErrorCode.BAD_SESSION
