"""The C device and the Python device get the same bytes and must send the same bytes, whatever happens."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nt_hil import messages as m
from nt_hil.codec import Decoder, Frame, encode
from nt_hil.messages import ErrorCode
from nt_hil.sim.codes import CodeLimits
from tests.core.cases import ImageChoice
from tests.device.native import NativeDevice
from tests.device.pair import Pair
from tests.device.traffic import Traffic

EXAMPLES = int(os.environ.get("NT_DEVICE_EXAMPLES", "250"))
ACTIONS = ("request",) * 12 + ("hello", "again", "damaged", "noise", "nv refuses", "nv works")


small_choices = st.builds(
    ImageChoice,
    seed=st.integers(0, 2**32 - 1),
    sizes=st.one_of(
        st.lists(st.integers(1, 24), min_size=2, max_size=4).map(tuple),
        st.tuples(st.integers(1, 8), st.integers(130, 400), st.integers(2, 9)),
    ),
    weights=st.just("any"),
    biases=st.sampled_from(("small", "extreme")),
    thresholds=st.sampled_from(("reached", "reached", "negative", "extreme")),
    domains=st.sampled_from(("own", "split", "shared", "mixed")),
    leak=st.integers(0, 4),
    refractory=st.integers(0, 2),
    steps=st.sampled_from((1, 1, 2, 3, 7)),
)
code_limits = st.sampled_from((CodeLimits(), CodeLimits(10, 250, 8), CodeLimits(100, 160, 255)))


def run(pair: Pair, rng: random.Random, length: int) -> bytes:
    """`length` random actions; gives all bytes that came back."""
    traffic = Traffic(pair.golden, rng)
    answers = [pair.feed(traffic.hello())]
    for _ in range(length):
        if pair.golden._session == 0 and rng.random() < 0.8:
            answers.append(pair.feed(traffic.hello()))
            continue
        action = rng.choice(ACTIONS)
        if action.startswith("nv"):
            pair.refuse_nv(action == "nv refuses" and rng.random() < 0.3)
        else:
            answers.append(pair.feed(getattr(traffic, action)()))
    return b"".join(answers)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(choice=small_choices, limits=code_limits, seed=st.integers(0, 2**32 - 1), length=st.integers(1, 150))
def test_same_bytes_in_same_bytes_out(
    native: NativeDevice, choice: ImageChoice, limits: CodeLimits, seed: int, length: int
) -> None:
    run(Pair(native, choice, limits), random.Random(seed), length)


def test_bytes_may_come_in_any_pieces(native: NativeDevice) -> None:
    choice = ImageChoice(3, (5, 9, 4), "any", "small", "reached", "own", 0, 0, 3)
    pair = Pair(native, choice, CodeLimits())
    rng = random.Random(11)
    traffic = Traffic(pair.golden, rng)
    pair.feed(traffic.hello())
    waiting = b""
    for _ in range(300):
        waiting += getattr(traffic, rng.choice(("request",) * 8 + ("again", "noise", "hello")))()
        cut = rng.randrange(len(waiting) + 1)
        pair.feed(waiting[:cut])
        waiting = waiting[cut:]


def test_traffic_reaches_every_answer_and_every_error(native: NativeDevice) -> None:
    """What the differential test says about an answer that its traffic never provokes is nothing."""
    answers: set[int] = set()
    errors: set[int] = set()
    for seed in range(25):
        sizes = ((6, 11, 5), (3, 180, 4))[seed % 2]
        choice = ImageChoice(seed, sizes, "any", "small", "reached", "split", 1, 1, 1 + seed % 3)
        limits = (CodeLimits(), CodeLimits(10, 250, 8))[seed % 2]
        for frame in Decoder().feed(run(Pair(native, choice, limits), random.Random(seed), 200)):
            answers.add(frame.type)
            if frame.type == m.ErrorNotice.TYPE:
                errors.add(m.ErrorNotice.parse(frame.payload).error)
    requests = {kind for kind in m.MESSAGE_NAMES if not kind & m.RESPONSE_BIT}
    assert answers == {kind | m.RESPONSE_BIT for kind in requests} | {m.NakNotice.TYPE, m.ErrorNotice.TYPE}
    # The firmware can do everything, has an image, and is never busy.
    assert errors == set(ErrorCode) - {ErrorCode.NO_CAPABILITY, ErrorCode.NO_IMAGE, ErrorCode.BUSY}


def test_a_difference_would_be_seen(native: NativeDevice) -> None:
    """Negative control: another code in one of them shows at the next read."""
    pair = Pair(native, ImageChoice(3, (5, 9, 4), "any", "small", "reached", "own", 0, 0, 3), CodeLimits())
    traffic = Traffic(pair.golden, random.Random(1))
    while not pair.golden._session:
        pair.feed(traffic.hello())
    pair.golden.chip.bank.codes[0] += 1
    request = m.CodesReadRequest(0, 13)
    with pytest.raises(pytest.fail.Exception):
        pair.feed(encode(Frame(pair.golden._session, request.TYPE, pair.golden._expected, request.pack())))
