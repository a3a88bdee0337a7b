"""Requests of a learning loop: made in C as in Python, and answered over a rough line as over a clean one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_hil import messages as m
from nt_hil.chip import Dither, LearnBatch, Readout
from nt_hil.codec import requests_of
from nt_hil.links.faulty import FaultRates, FaultyLink
from nt_hil.links.in_process import InProcessLink
from nt_hil.messages import ChunkFlag
from nt_hil.records import layout_of
from nt_hil.sample_frames import Presentation
from nt_hil.session import SessionOptions
from nt_model.core_requests import learn_payload, present_payload
from nt_model.errors import UsageError
from nt_model.learn import LearnSettings
from tests.hil.rig import client_of, loaded_image, random_events, sim_device

GATES = Readout(hidden=True, dither=Dither(40, 30), gates=True)
WHOLE = ChunkFlag.FIRST | ChunkFlag.LAST
slots_of = st.one_of(
    st.lists(st.integers(-1, 70), min_size=1, max_size=20),
    st.builds(lambda first, count: list(range(first, first + count)), st.integers(0, 60), st.integers(1, 20)),
)


def _presentation(max_payload: int = 512) -> Presentation:
    return Presentation(layout_of((9, 7, 4), 1, 19), GATES, max_payload)


@given(slots_of)
@settings(deadline=None)
def test_present_is_packed_in_c_as_in_python(slots: list[int]) -> None:
    named = np.array(slots, np.int64)
    asked = _presentation()
    head = m.PresentRequest(1, 19, 40, 30, ()).pack()
    packed = present_payload(head, named, 64)
    assert packed == (asked.payload_in_python(named) if 0 <= min(slots) <= max(slots) < 64 else None)


@given(slots_of, st.integers(-1, 65536), st.integers(0, 2**32 - 1), st.integers(1, 32767))
@settings(deadline=None)
def test_learn_is_packed_in_c_as_in_python(slots: list[int], label: int, step: int, rate: int) -> None:
    named, labels = np.array(slots, np.int64), np.full(len(slots), label, np.int64)
    packed = learn_payload(step, rate, named, labels, 64)
    if not 0 <= min(slots) <= max(slots) < 64 or not 0 <= label < 65536:
        assert packed is None
        return
    pairs = tuple(np.stack([named, labels], axis=1).reshape(-1).tolist())
    assert packed == m.LearnRequest(step, WHOLE, rate, pairs).pack()


@given(st.integers(1, 400), st.floats(0, 1), slots_of, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_step_is_a_write_where_codes_change_and_a_present(
    n_codes: int, share: float, slots: list[int], revision: int
) -> None:
    rng = np.random.default_rng(n_codes)
    before = rng.integers(0, 256, n_codes).astype(np.uint8)
    after = np.where(rng.random(n_codes) < share, before ^ 1, before).astype(np.uint8)
    named = np.array(slots, np.int64)
    block = _presentation().after_write(before, after, revision, named, 64)
    if not 0 <= min(slots) <= max(slots) < 64:
        assert block is None
        return
    assert block is not None
    *writes, (kind, payload) = requests_of(block.data)
    assert block.types == (*(each for each, _ in writes), kind)
    assert (kind, payload) == (m.PresentRequest.TYPE, _presentation().payload_in_python(named))
    assert [each for each, _ in writes] == [m.CodesWriteRequest.TYPE] * bool((before != after).any())
    for _, written in writes:
        request = m.CodesWriteRequest.parse(written)
        assert (request.base_revision, request.chunk) == (revision, WHOLE)


def test_a_step_that_one_frame_cannot_carry_is_left_to_the_general_way() -> None:
    rng = np.random.default_rng(1)
    before, after = (rng.integers(0, 256, 600).astype(np.uint8) for _ in range(2))
    assert _presentation().after_write(before, after, 0, np.arange(3), 64) is None
    assert _presentation(1024).after_write(before, after, 0, np.arange(3), 64) is not None
    assert _presentation().after_write(before, before, 0, np.arange(300) % 64, 64) is None
    assert _presentation().after_write(before, before, 0, np.arange(0), 64) is None


def test_both_loops_over_a_rough_line() -> None:
    """Frames lost, spoiled, late and doubled: codes, gates and state of the device loop are those of a clean line."""
    rough = FaultRates(flip=2e-4, drop=2e-4, repeat=0.01, delay=0.01, short=0.01)
    ends = []
    for rates in (FaultRates(), rough):
        device = sim_device(loaded_image((12, 300, 4)))
        link = FaultyLink(InProcessLink(device), rates, seed=5)
        chip = client_of(device, link, SessionOptions(deadline_s=60.0))
        chip.load_samples(random_events(40, 12))
        rng = np.random.default_rng(1)
        seen = []
        for _ in range(40):
            codes = rng.integers(90, 160, chip.info.n_codes).astype(np.uint8)
            shown = chip.write_and_present(codes, rng.integers(0, 40, 12), GATES)
            seen.append(shown.gates)
        chip.learn_start(LearnSettings())
        chip.learn_many([LearnBatch(rng.integers(0, 40, 25), rng.integers(0, 2, 25), 900) for _ in range(50)])
        ends.append((seen, chip.read_codes()[0].tobytes(), [part.tobytes() for part in chip.learn_state()]))
        repeated = chip.traffic.retransmissions
    assert ends[0] == ends[1]
    assert repeated > 20


def test_slots_that_are_not_loaded_are_refused_before_anything_is_sent() -> None:
    chip = client_of(sim_device())
    chip.load_samples(random_events(5, 12))
    chip.read_codes()
    sent = chip.traffic.frames_sent
    codes = np.full(chip.info.n_codes, 99, np.uint8)
    for slots in (np.array([5]), np.array([-1, 2])):
        with pytest.raises(UsageError, match="not loaded"):
            chip.write_and_present(codes, slots, GATES)
        with pytest.raises(UsageError, match="not loaded"):
            chip.present_loaded(slots, GATES)
        with pytest.raises(UsageError, match="not loaded"):
            chip.learn_loaded(slots, np.zeros(len(slots), np.int64), 900)
    assert chip.traffic.frames_sent == sent
