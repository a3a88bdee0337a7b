"""A chip whose loop is served in C sends the bytes of the golden one and stands where it stands, whatever comes."""

from __future__ import annotations

import os
import random
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nt_hil import messages as m
from nt_hil.chip import Dither, LearnBatch, Readout
from nt_hil.codec import ALL_CHECKS, Checks, Frame, encode
from nt_hil.sim.codes import CodeLimits
from nt_hil.sim.device import Device, LinkLimits
from nt_hil.sim.loop_server import LoopServer
from nt_hil.sim.simchip import EPOCH_SAMPLES, SimChip, SimOptions
from nt_model.corner import corner_named
from nt_model.engine import make_engine
from nt_model.image_file import LoadedImage
from nt_model.learn import LearnSettings
from nt_model.silicon import Silicon
from tests.device.traffic import Traffic
from tests.hil.rig import client_of, loaded_image, random_events

EXAMPLES = int(os.environ.get("NT_DEVICE_EXAMPLES", "60"))
NO_LIMITS = CodeLimits()
GATES = Readout(hidden=True, dither=Dither(40, 30), gates=True)


def _device(image: LoadedImage, engine: str, corner: str, limits: CodeLimits, link: LinkLimits) -> Device:
    silicon = Silicon.draw(image.image, corner_named(corner), 5)
    return Device(SimChip(image, silicon, make_engine(engine, image.image), SimOptions(limits)), link)


class Twins:
    """The golden device and one of engine `c`; both get the same bytes."""

    def __init__(self, image: LoadedImage, corner: str, limits: CodeLimits = NO_LIMITS, payload: int = 512) -> None:
        link = LinkLimits(max_payload=payload)
        self.golden, self.ours = (_device(image, engine, corner, limits, link) for engine in ("numpy", "c"))

    def feed(self, data: bytes) -> bytes:
        expected = self.golden.feed(data)
        assert self.ours.feed(data) == expected
        assert _standing(self.ours) == _standing(self.golden)
        return expected


def _standing(device: Device) -> tuple[object, ...]:
    """All that later frames depend on."""
    chip, learner = device.chip, device.chip.learner
    learned = (
        None if learner.state is None else (learner.state.accumulator_q8.tobytes(), learner.state.mean_q8.tobytes())
    )
    counters = (chip.samples_presented, chip.steps_done, chip.bank.revision, learner.step, astuple(learner.settings))
    staged = chip.bank._staged is None, learner._staged
    session = (device._session, device._expected, device._gap_told, dict(device._answers), device._decoder.bad_frames)
    return chip.bank.codes.tobytes(), learned, counters, staged, chip.result, session


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of answers that were given in C."""
    counts: list[int] = []
    serve = LoopServer.serve

    def counted(self: LoopServer, *given: object) -> tuple[int, list[bytes]]:
        taken, answers = serve(self, *given)  # type: ignore[arg-type]
        counts.append(len(answers))
        return taken, answers

    monkeypatch.setattr(LoopServer, "serve", counted)
    return counts


def _loop_payload(chip: SimChip, traffic: Traffic, rng: random.Random) -> tuple[int, bytes]:
    """A good request of a loop mostly, else one that is just none."""
    if rng.random() < 0.1:
        return getattr(traffic, rng.choice(("present", "learn", "input_load", "learn_start", "codes_read", "result")))()
    if rng.random() < 0.4:
        is_range = rng.random() < 0.3
        slots = (rng.randrange(3), 3) if is_range else tuple(rng.randrange(6) for _ in range(rng.choice((1, 2, 5))))
        readout = rng.choice((19, 19, 0, 1, 4, 5)) | (8 if is_range else 0)
        return m.PresentRequest.TYPE, m.PresentRequest(0, readout, 40, 127, slots).pack()
    if rng.random() < 0.5:
        pairs = tuple(value for _ in range(4) for value in (rng.randrange(6), rng.randrange(chip.image.n_classes)))
        return m.LearnRequest.TYPE, m.LearnRequest(chip.learner.step, 3, rng.randrange(1, 9000), pairs).pack()
    codes = bytes(rng.randrange(256) for _ in range(rng.randrange(chip.image.n_codes)))
    revision = (chip.bank.revision + rng.choice((0, 0, 0, 1))) % 2**32
    return m.CodesWriteRequest.TYPE, m.CodesWriteRequest(revision, rng.choice((3, 3, 3, 1)), 0, 0, codes).pack()


def _begin(twins: Twins, nonce: int) -> None:
    """A session, samples in six slots, the device loop started, and one read-out."""
    image = twins.golden.chip.image
    events = random_events(6, image.n_inputs, steps=None if image.n_steps == 1 else image.n_steps)
    requests: list[tuple[int, bytes]] = [
        (m.HelloRequest.TYPE, m.HelloRequest(1, 0, m.SCHEMA_HASH, nonce, 512, 8).pack()),
        (m.InputLoadRequest.TYPE, m.InputLoadRequest(0, image.n_steps, 0, 0, events.size, events.tobytes()).pack()),
        (m.LearnStartRequest.TYPE, m.LearnStartRequest(0, 48, 48, 900, 16, 0, 255).pack()),
        (m.PresentRequest.TYPE, m.PresentRequest(0, 19, 40, 40, (0, 1)).pack()),
    ]
    for seq, (kind, payload) in enumerate(requests):
        twins.feed(encode(Frame(twins.golden._session if seq else 0, kind, seq, payload)))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sizes=st.lists(st.integers(1, 20), min_size=2, max_size=4).map(tuple),
    steps=st.sampled_from((1, 1, 3)),
    corner=st.sampled_from(("ideal", "typical", "wild")),
    limits=st.sampled_from((NO_LIMITS, NO_LIMITS, CodeLimits(10, 250, 8))),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_traffic_gets_the_golden_answers(
    sizes: tuple[int, ...], steps: int, corner: str, limits: CodeLimits, seed: int
) -> None:
    twins, rng = Twins(loaded_image(sizes, seed % 97, steps), corner, limits), random.Random(seed)
    traffic = Traffic(twins.golden, rng)
    for nonce in range(40):
        if twins.golden._session == 0:
            _begin(twins, nonce)
        if rng.random() < 0.2:
            twins.feed(getattr(traffic, rng.choice(("request", "hello", "again", "damaged", "noise")))())
            continue
        burst = [
            encode(Frame(twins.golden._session, *_in_turn(twins, traffic, rng, ahead)))
            for ahead in range(rng.choice((1, 1, 3)))
        ]
        twins.feed(b"".join(burst)[: rng.choice((None, None, None, -5))])


def _in_turn(twins: Twins, traffic: Traffic, rng: random.Random, ahead: int) -> tuple[int, int, bytes]:
    """Type, sequence number and payload of a frame that is `ahead` of the next one."""
    kind, payload = _loop_payload(twins.golden.chip, traffic, rng)
    return kind, (twins.golden._expected + ahead) & 0xFFFF, payload


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("corner", ["typical", "worn"])
def test_both_loops_are_served_in_c_and_end_with_the_golden_codes(corner: str, steps: int, served: list[int]) -> None:
    image = loaded_image((12, 9, 7, 4), steps=steps)
    ends = []
    for engine in ("numpy", "c"):
        chip = client_of(_device(image, engine, corner, NO_LIMITS, LinkLimits(max_payload=4096)))
        chip.load_samples(random_events(40, 12, steps=None if steps == 1 else steps))
        rng = np.random.default_rng(1)
        records = []
        for _ in range(60):
            rows, codes = rng.integers(0, 40, 25), rng.integers(90, 160, chip.info.n_codes).astype(np.uint8)
            shown = chip.write_and_present(codes, rows, GATES)
            records.append(np.concatenate([*shown.plus, *shown.minus], axis=1).tobytes())
        chip.learn_start(LearnSettings())
        batches = [LearnBatch(rng.integers(0, 40, 25), rng.integers(0, 2, 25), 900) for _ in range(50)]
        chip.learn_many(batches)
        assert chip.status().samples_presented > 2 * EPOCH_SAMPLES
        ends.append((records, chip.read_codes()[0].tobytes(), [part.tobytes() for part in chip.learn_state()]))
    assert ends[0] == ends[1]
    assert sum(served) > 100


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("corner", ["typical", "worn"])
def test_plain_read_outs_are_served_in_c_before_and_after_learning(corner: str, steps: int, served: list[int]) -> None:
    image = loaded_image((12, 9, 7, 4), steps=steps)
    records: list[list[bytes]] = []
    for engine in ("numpy", "c"):
        chip = client_of(_device(image, engine, corner, NO_LIMITS, LinkLimits(max_payload=512)))
        chip.load_samples(random_events(40, 12, steps=None if steps == 1 else steps))
        rng = np.random.default_rng(1)
        records.append([])
        for learning in (False, True):
            for readout in (Readout(), Readout(True), Readout(membrane=True), Readout(True, membrane=True)):
                shown = [chip.present_loaded(rng.integers(0, 40, 30), readout) for _ in range(3)]
                records[-1] += [plane.tobytes() for one in shown for plane in one.plain]
                records[-1] += [one.membrane_q8.tobytes() for one in shown if one.membrane_q8 is not None]
            if not learning:
                chip.learn_start(LearnSettings())
                chip.learn_loaded(np.arange(20), np.arange(20) % 2, 900)
    assert records[0] == records[1]
    assert sum(served) > 24


@pytest.mark.parametrize("limits", [LinkLimits(checks=Checks(crc=False)), LinkLimits(replay=False)])
def test_a_device_that_leaves_out_a_check_serves_nothing_in_c(limits: LinkLimits) -> None:
    assert limits.checks != ALL_CHECKS or not limits.replay
    assert _device(loaded_image(), "c", "ideal", NO_LIMITS, limits)._loop is None


def test_board_kernels_serve_nothing_in_c_and_work(monkeypatch: pytest.MonkeyPatch, served: list[int]) -> None:
    monkeypatch.setenv("NT_KERNEL", "portable")
    chip = client_of(_device(loaded_image(), "c", "typical", NO_LIMITS, LinkLimits()))
    chip.load_samples(random_events(9, 12))
    for shift in range(3):
        chip.write_and_present(np.full(chip.info.n_codes, 120 + shift, np.uint8), np.arange(9), GATES)
    assert served
    assert sum(served) == 0
