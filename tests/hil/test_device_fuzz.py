"""Whatever arrives in valid frames, the simulated device answers each once and never breaks.

Seeds are the payloads of the golden frames, so that every message is reached.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_hil import messages as m
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.exchange import Exchange, Outgoing
from nt_hil.links.in_process import InProcessLink
from nt_hil.messages import ErrorCode
from nt_hil.refusal import Refusal
from nt_hil.session import Session
from nt_hil.sim.device import Device
from nt_hil.sim.slots import SlotMemory
from tests.hil.rig import frames_in, sim_device

GOLDEN = json.loads((Path(__file__).parent / "golden_frames.json").read_text())["frames"]
SEEDS = [(record["type"], bytes.fromhex(record["payload"])) for record in GOLDEN if not record["type"] & m.RESPONSE_BIT]
ENDING = (m.ResetRequest.TYPE, m.GoodbyeRequest.TYPE, m.HelloRequest.TYPE)


def _small(kind: int) -> st.SearchStrategy[tuple[int, bytes]]:
    """Payloads of mostly small numbers, which get further than random ones."""
    return st.tuples(st.just(kind), st.lists(st.sampled_from([0, 0, 1, 2, 3, 4, 9, 128, 255]), max_size=40).map(bytes))


requests = st.one_of(
    st.sampled_from([seed for seed in SEEDS if seed[0] not in ENDING]),
    st.sampled_from([kind for kind in m.MESSAGE_NAMES if kind not in ENDING]).flatmap(_small),
    st.tuples(st.integers(2, 0x4F), st.binary(max_size=60)),
)


def _opened() -> tuple[Device, Session]:
    device = sim_device()
    session = Session(InProcessLink(device))
    session.hello()
    return device, session


@given(st.lists(requests, min_size=1, max_size=8))
@settings(deadline=None, max_examples=150)
def test_every_frame_gets_one_answer(sent: list[tuple[int, bytes]]) -> None:
    device, session = _opened()
    run = Exchange([Outgoing(*each) for each in sent], session._session, session._seq, 8)
    for (kind, _), wire in zip(sent, frames_in(run.fill(0.0)), strict=True):
        (answer,) = Decoder().feed(device.feed(wire))
        assert answer.type in (kind | m.RESPONSE_BIT, m.ErrorNotice.TYPE)
        if answer.type == m.ErrorNotice.TYPE:
            assert m.ErrorNotice.parse(answer.payload).error in list(ErrorCode)
        assert len(answer.payload) <= 512


@pytest.mark.parametrize(("kind", "payload"), SEEDS)
def test_seeds_before_hello_change_nothing(kind: int, payload: bytes) -> None:
    device = sim_device()
    device.feed(encode(Frame(1, kind, 7, payload)))
    assert device.chip.bank.revision == 0
    assert device.chip.samples_presented == 0


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_noise_is_survived(noise: bytes) -> None:
    device = sim_device()
    device.feed(noise)
    session = Session(InProcessLink(device))
    session.hello()
    assert len(session.exchange([Outgoing(m.StatusRequest.TYPE, b"")])) == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 4))
@settings(deadline=None)
def test_slots_filled_in_pieces_hold_the_samples(cuts: list[int], steps: int) -> None:
    memory = SlotMemory(20, 7)
    flat = np.random.default_rng(1).integers(0, 9, sum(cuts)).astype(np.uint8)
    size = steps * 7
    flat = flat[: 20 * size]
    at = 0
    for cut in cuts:
        piece = flat[at : at + cut]
        if len(piece):
            memory.load(at // size, steps, at % size, piece)
        at += len(piece)
    whole = at // size
    if whole:
        got = memory.events(np.arange(whole), steps)
        assert (got.reshape(-1) == flat[: whole * size]).all()
    if whole < 20:
        with pytest.raises(Refusal) as caught:
            memory.events(np.array([whole]), steps)
        assert caught.value.error is ErrorCode.SLOT_EMPTY


def test_a_slot_with_a_hole_is_not_a_sample() -> None:
    memory = SlotMemory(2, 10)
    memory.load(0, 1, 0, np.ones(4, np.uint8))
    memory.load(0, 1, 6, np.ones(4, np.uint8))
    with pytest.raises(Refusal) as caught:
        memory.events(np.array([0]), 1)
    assert caught.value.error is ErrorCode.SLOT_EMPTY
