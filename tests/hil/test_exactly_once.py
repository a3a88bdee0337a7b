"""Exactly once: thousands of updates over a line that spoils bytes, and what happens without the precautions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_hil.codec import Checks
from nt_hil.exchange import Exchange, Outgoing
from nt_hil.links.base import Link
from nt_hil.links.faulty import FaultRates, FaultyLink
from nt_hil.links.in_process import InProcessLink
from nt_hil.messages import ChunkFlag, CodeForm, CodesWriteRequest, ResetReason, StatusRequest
from nt_hil.session import Session, SessionOptions
from nt_hil.sim.device import Device, LinkLimits
from nt_model.errors import LinkError, NtError
from tests.hil.rig import client_of, frames_in, loaded_image, sim_device

ROUGH = replace(FaultRates.byte_errors(1e-3), repeat=0.01, delay=0.01, short=0.01)
BATCH = 32
IMAGE = loaded_image()


@dataclass(frozen=True)
class Outcome:
    """What a run of updates did: updates that took effect, in order, and final codes."""

    applied: list[bytes]
    codes: bytes
    retransmissions: int
    injected: int


def _updates(count: int, n_codes: int) -> list[bytes]:
    """Code vectors; each differs from the one before."""
    rng = np.random.default_rng(11)
    vectors = rng.integers(0, 256, (count, n_codes)).astype(np.uint8)
    vectors[:, 0] = np.arange(count) % 251
    return [vector.tobytes() for vector in vectors]


def _write(revision: int, codes: bytes) -> Outgoing:
    request = CodesWriteRequest(revision, ChunkFlag.FIRST | ChunkFlag.LAST, CodeForm.DENSE, 0, codes)
    return Outgoing(request.TYPE, request.pack())


def _run(updates: list[bytes], rates: FaultRates, limits: LinkLimits, checks: Checks | None = None) -> Outcome:
    device = sim_device(IMAGE, limits=limits)
    applied: list[bytes] = []
    real = device.chip.bank.replace

    def noted(codes: np.ndarray) -> int:
        applied.append(codes.tobytes())
        return real(codes)

    device.chip.bank.replace = noted  # type: ignore[method-assign]
    link = FaultyLink(InProcessLink(device), rates, seed=4)
    session = Session(link, SessionOptions(deadline_s=60.0, checks=checks or Checks()))
    session.hello()
    for begin in range(0, len(updates), BATCH):
        session.exchange([_write(begin + i, codes) for i, codes in enumerate(updates[begin : begin + BATCH])])
    return Outcome(applied, device.chip.bank.codes.tobytes(), session.counter.retransmissions, link.injected)


def _holds(updates: list[bytes], rates: FaultRates, limits: LinkLimits, checks: Checks | None = None) -> bool:
    """0 lost, 0 duplicated, 0 wrong, and the codes of the clean run."""
    try:
        rough = _run(updates, rates, limits, checks)
    except NtError:
        return False
    return rough.applied == updates and rough.codes == updates[-1]


def test_thousands_of_updates_over_a_rough_line() -> None:
    updates = _updates(5000, IMAGE.image.n_codes)
    clean = _run(updates, FaultRates(), LinkLimits(max_payload=512))
    rough = _run(updates, ROUGH, LinkLimits(max_payload=512))
    assert clean.retransmissions == 0
    assert rough.injected > 200
    assert rough.retransmissions > 100
    assert rough.applied == clean.applied == updates
    assert rough.codes == clean.codes


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_updates_over_a_rough_line() -> None:
    assert _holds(_updates(1_000_000, IMAGE.image.n_codes), ROUGH, LinkLimits(max_payload=512))


@pytest.mark.parametrize(
    ("limits", "rates"),
    [
        (LinkLimits(512, replay=False), ROUGH),
        (LinkLimits(512, checks=Checks(length=False)), ROUGH),
        (LinkLimits(512, checks=Checks(crc=False)), FaultRates.byte_errors(1e-3)),
    ],
    ids=["no response cache", "no length check", "no CRC"],
)
def test_without_a_precaution_the_same_run_fails(limits: LinkLimits, rates: FaultRates) -> None:
    updates = _updates(3000, IMAGE.image.n_codes)
    assert _holds(updates, rates, LinkLimits(512))
    assert not _holds(updates, rates, limits)


def test_the_whole_chip_interface_over_a_rough_line() -> None:
    device = sim_device(loaded_image((12, 900, 4)))
    chip = client_of(
        device, FaultyLink(InProcessLink(device), FaultRates.byte_errors(1e-3), seed=2), SessionOptions(deadline_s=60.0)
    )
    codes = chip.read_codes()[0]
    rng = np.random.default_rng(3)
    for _ in range(60):
        codes = rng.integers(0, 256, codes.size).astype(np.uint8)
        chip.write_codes(codes)
    assert (chip.read_codes()[0] == codes).all()
    assert chip.status().revision == 60
    assert chip.traffic.retransmissions > 0


def test_boots_in_the_middle_of_a_run() -> None:
    device = sim_device()
    chip = client_of(device)
    rng = np.random.default_rng(3)
    for index in range(200):
        codes = rng.integers(0, 256, chip.info.n_codes).astype(np.uint8)
        chip.write_codes(codes)
        if index % 17 == 0:
            device.boot(ResetReason.WATCHDOG)
        assert (chip.read_codes()[0] == codes).all()
    assert chip.resets_survived == 12


fates = st.lists(st.sampled_from(["arrives", "lost", "twice", "late"]), max_size=60)


@given(st.integers(1, 20), fates, fates)
@settings(deadline=None)
def test_model_every_request_is_executed_once_and_in_order(count: int, there: list[str], back: list[str]) -> None:
    """Whole frames lost, repeated and delayed at will, then a line without faults: all is done once, in order."""
    device = sim_device(IMAGE)
    session = Session(InProcessLink(device), SessionOptions(deadline_s=600.0))
    session.hello()
    done: list[bytes] = []
    real = device.chip.bank.replace
    device.chip.bank.replace = lambda codes: (done.append(codes.tobytes()), real(codes))[1]  # type: ignore[method-assign]
    updates = _updates(count, IMAGE.image.n_codes)
    requests = [_write(i, codes) for i, codes in enumerate(updates)]
    session.link = _ScriptedLink(device, there, back)
    answers = session.exchange(requests)
    assert len(answers) == count
    assert done == updates


class _ScriptedLink(InProcessLink):
    """Whole pieces meet the fates of two scripts, request by request and answer by answer."""

    def __init__(self, device: Device, there: list[str], back: list[str]) -> None:
        super().__init__(device)
        self._there = iter(there)
        self._back = iter(back)
        self._late = b""

    def write(self, data: bytes) -> None:
        for frame in data.split(b"\0"):
            if frame:
                super().write(self._meets(next(self._there, "arrives"), b"\0" + frame + b"\0"))

    def read(self, timeout_s: float) -> bytes:
        parts = [b"\0" + part + b"\0" for part in super().read(timeout_s).split(b"\0") if part]
        return b"".join(self._meets(next(self._back, "arrives"), part) for part in parts)

    def _meets(self, fate: str, frame: bytes) -> bytes:
        if fate == "lost":
            return b""
        if fate == "late":
            late, self._late = self._late, frame
            return late
        return frame * (2 if fate == "twice" else 1)


def test_a_gap_gets_one_nak_and_old_frames_their_cached_answer() -> None:
    device = sim_device()
    session = Session(InProcessLink(device))
    session.hello()
    run = Exchange([Outgoing(StatusRequest.TYPE, b"")] * 4, session._session, session._seq, 8)
    first, second, third, fourth = frames_in(run.fill(0.0))
    answer = device.feed(first)
    assert device.feed(first) == answer
    assert device.feed(third) != b""
    assert device.feed(fourth) == b""
    assert device.feed(first) == answer
    assert device.feed(second) != b""
    assert device.feed(third) != b""


def test_a_silent_line_ends_at_the_deadline_and_says_what_was_awaited() -> None:
    device = sim_device()
    session = Session(InProcessLink(device), SessionOptions(deadline_s=3.0))
    session.hello()
    session.link = FaultyLink(session.link, FaultRates(drop=1.0), seed=1)
    with pytest.raises(LinkError, match=r"waited 3\.0 s for the answer to STATUS \(1 of 1\), 0 bytes") as caught:
        session.exchange([Outgoing(StatusRequest.TYPE, b"")])
    assert caught.value.next_step


def test_after_a_dead_line_the_host_asks_where_the_chip_stands_and_goes_on() -> None:
    device = sim_device()
    chip = client_of(device)
    line = chip.session.link
    codes = chip.read_codes()[0]
    for index in range(6):
        # Answers are lost on even turns (the write took effect), requests on odd ones (it did not).
        chip.session.link = _OneWayLink(line, device, answers_only=index % 2 == 0)
        with pytest.raises(LinkError):
            chip.write_codes(codes + index)
        chip.session.link = line
        assert (chip.read_codes()[0] == device.chip.bank.codes).all()
        chip.write_codes(codes + index + 1)
        assert (device.chip.bank.codes == codes + index + 1).all()
    assert device.chip.bank.revision == 9


class _OneWayLink(InProcessLink):
    """Loses all answers, or all requests."""

    def __init__(self, line: Link, device: Device, *, answers_only: bool) -> None:
        super().__init__(device)
        self._line = line
        self._answers_only = answers_only

    def write(self, data: bytes) -> None:
        if self._answers_only:
            super().write(data)
            self._inbound.clear()


def test_frames_of_an_older_session_are_not_executed() -> None:
    device = sim_device()
    old, new = Session(InProcessLink(device)), Session(InProcessLink(device))
    old.hello()
    wire = Exchange([_write(0, bytes(IMAGE.image.n_codes))], old._session, old._seq, 8).fill(0.0)
    new.hello()
    device.feed(wire)
    assert device.chip.bank.revision == 0
