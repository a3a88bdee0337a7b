"""The host's own client drives the C device: the Chip interface, and a device loop that is bit-identical."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nt_hil.chip import Dither, Readout
from nt_hil.client import ChipClient
from nt_hil.links.in_process import InProcessLink
from nt_hil.session import Session
from nt_hil.sim.codes import CodeLimits
from nt_model.errors import SafetyError
from nt_model.image import Image
from nt_model.image_file import image_bytes, parse_image
from nt_model.learn import LearnSettings
from tests.core.cases import ImageChoice, build_image
from tests.device.native import NativeDevice
from tests.device.pair import Pair

CHOICE = ImageChoice(5, (20, 40, 8), "any", "small", "reached", "own", 2, 1, 3)


def client_of(device: object) -> ChipClient:
    return ChipClient(Session(InProcessLink(device)))  # type: ignore[arg-type]


def samples(image: Image, batch: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((batch, image.n_steps, image.n_inputs)) < 0.4).astype(np.uint8)


@pytest.fixture
def pair(native: NativeDevice) -> Pair:
    return Pair(native, CHOICE, CodeLimits())


def test_device_loop_gives_the_codes_of_the_golden_rule(pair: Pair) -> None:
    image = build_image(CHOICE)
    x = samples(image, 64)
    labels = np.random.default_rng(1).integers(0, image.n_classes, 64)
    trained = []
    for device in (pair.golden, pair.native):
        chip = client_of(device)
        chip.load_samples(x)
        chip.learn_start(LearnSettings(hidden_dither_code=40, output_dither_code=20, rate_q8=300))
        for step in range(20):
            slots = np.random.default_rng(step).permutation(64)[:16]
            chip.learn_loaded(slots, labels[slots], 300 - 5 * step)
        trained.append(chip.read_codes()[0])
    assert trained[0].tolist() == trained[1].tolist()
    assert (trained[0] != 128).any()


def test_readouts_agree(pair: Pair) -> None:
    x = samples(build_image(CHOICE), 9)
    full = Readout(hidden=True, dither=Dither(30, 10), membrane=True)
    for readout in (Readout(), full, replace(full, gates=True), replace(full, gates=True, membrane=False)):
        golden, ours = (client_of(device).present(x, readout) for device in (pair.golden, pair.native))
        for name in ("plain", "plus", "minus"):
            for one, other in zip(getattr(golden, name), getattr(ours, name), strict=True):
                assert (one == other).all()
        if golden.membrane_q8 is not None:
            assert ours.membrane_q8 is not None
            assert golden.membrane_q8.tolist() == ours.membrane_q8.tolist()


@pytest.mark.parametrize("weights", ["all +7", "all -7"])
def test_drives_beyond_32_bits_are_those_of_the_golden_model(native: NativeDevice, weights: str) -> None:
    """200 inputs of 255 events at weight 7 and the largest gain: a product of 32 bits would have the wrong sign."""
    pair = Pair(native, ImageChoice(2, (200, 12, 4), weights, "small", "reached", "own", 0, 0, 1), CodeLimits())
    for events in (1, 255):
        x = np.full((1, 1, 200), events, np.uint8)
        seen = []
        for device in (pair.golden, pair.native):
            chip = client_of(device)
            chip.write_codes(np.full(chip.info.n_codes, 255, np.uint8))
            seen.append(chip.present(x, Readout(hidden=True)).plain)
        assert [each.tolist() for each in seen[0]] == [each.tolist() for each in seen[1]]
        assert seen[0][0].all() == (weights == "all +7")


def test_committed_codes_survive_a_reset(native: NativeDevice) -> None:
    data = image_bytes(build_image(CHOICE))
    native.boot(data)
    chip = client_of(native)
    codes = np.arange(chip.info.n_codes, dtype=np.uint8)
    chip.write_codes(codes)
    assert chip.commit() == 1
    chip.write_codes(codes + 1)
    chip.reset()
    assert (chip.read_codes()[0] == codes).all()
    assert (chip.info.boot_count, chip.info.reset_reason, chip.info.nv_generation) == (2, "software", 1)
    assert chip.info.image_digest == parse_image(data).digest


def test_limits_hold_on_the_device(native: NativeDevice) -> None:
    native.boot(image_bytes(build_image(CHOICE)), limits=CodeLimits(100, 160, 8))
    chip = client_of(native)
    before = chip.read_codes()
    for code in (137, 200, 90):
        with pytest.raises(SafetyError):
            chip.write_codes(np.full(chip.info.n_codes, code, np.uint8))
    after = chip.read_codes()
    assert (after[0] == before[0]).all()
    assert after[1] == before[1]


def test_small_memory_holds_fewer_samples_and_gives_the_same_answers(native: NativeDevice) -> None:
    image = build_image(CHOICE)
    x = samples(image, 200)
    answers = []
    for scratch in (64 << 20, 32 << 10):
        assert native.boot(image_bytes(image), scratch_bytes=scratch).result == 0
        chip = client_of(native)
        answers.append(chip.present(x, Readout(hidden=True)))
    assert 1 <= chip.info.input_slots < 4096
    assert chip.info.window == 2
    for one, other in zip(answers[0].plain, answers[1].plain, strict=True):
        assert (one == other).all()
