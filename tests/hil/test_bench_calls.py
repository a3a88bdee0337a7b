"""What the bench asks of a chip: stimuli, corrections, learning state, codes and samples in one exchange."""

from __future__ import annotations

import numpy as np
import pytest

from nt_hil.chip import Capability, Dither, Readout, Shot
from nt_hil.correction_frames import correction_requests
from nt_hil.messages import ResetReason
from nt_hil.sim.codes import CodeLimits
from nt_hil.sim.nv import MemoryNv
from nt_hil.sim.simchip import SimOptions
from nt_model.corner import corner_named
from nt_model.correction import Corrections
from nt_model.errors import DeviceError, SafetyError, UsageError
from nt_model.learn import LearnSettings
from nt_model.silicon import Silicon
from nt_model.stimulus import Stimulus, stimulate
from tests.hil.rig import client_of, loaded_image, random_events, sim_device

IMAGE = loaded_image()
CORNER = "typical"


def random_corrections(seed: int = 1, domains: int = 20) -> Corrections:
    rng = np.random.default_rng(seed)
    return Corrections(rng.integers(-500, 500, domains), rng.integers(-60, 60, domains), rng.integers(-20, 20, domains))


def a_stimulus(layer: int = 1, repeats: int = 7) -> Stimulus:
    return Stimulus(layer, np.array([0, 3, 5]), np.array([2, 9, 1], np.uint8), n_steps=2, n_repeats=repeats)


def test_shots_are_stimuli_of_the_silicon_at_the_codes_written() -> None:
    chip = client_of(sim_device(IMAGE, corner=CORNER))
    silicon = Silicon.draw(IMAGE.image, corner_named(CORNER), 7)
    rng = np.random.default_rng(2)
    shots = [Shot(rng.integers(0, 256, 20).astype(np.uint8), a_stimulus(n % 3)) for n in range(12)]
    seen, step = chip.measure(shots), 0
    for shot, counts in zip(shots, seen, strict=True):
        assert shot.codes is not None
        layer = shot.stimulus.layer
        operating = silicon.operating(shot.codes).layers[layer]
        assert (counts == stimulate(IMAGE.image.layers[layer], operating, shot.stimulus, step)).all()
        step += 14
    assert chip.status().samples_presented == 12 * 7
    assert (chip.read_codes()[0] == shots[-1].codes).all()


def test_a_corrected_chip_is_the_silicon_at_the_corrected_codes() -> None:
    chip, corrections = client_of(sim_device(IMAGE, corner=CORNER)), random_corrections()
    silicon = Silicon.draw(IMAGE.image, corner_named(CORNER), 7)
    chip.write_corrections(corrections)
    assert (chip.read_corrections() == corrections.pack()).all()
    codes = np.random.default_rng(3).integers(0, 256, 20).astype(np.uint8)
    (counts,) = chip.measure([Shot(codes, a_stimulus(0))])
    operating = silicon.operating(corrections.dac_codes(codes)).layers[0]
    assert (counts == stimulate(IMAGE.image.layers[0], operating, a_stimulus(0), 0)).all()
    assert (chip.read_codes()[0] == codes).all()


def test_corrections_survive_a_reset_once_committed() -> None:
    nv, corrections = MemoryNv(), random_corrections()
    chip = client_of(sim_device(IMAGE, nv=nv))
    chip.write_corrections(corrections)
    chip.commit()
    chip.reset()
    assert (chip.read_corrections() == corrections.pack()).all()


def test_corrections_that_were_not_committed_are_written_again_after_a_boot_under_way() -> None:
    device, corrections = sim_device(IMAGE), random_corrections()
    chip = client_of(device)
    chip.write_corrections(corrections)
    codes = chip.read_codes()[0] + 3
    chip.write_codes(codes)
    device.boot(ResetReason.PIN)
    assert (chip.read_codes()[0] == codes).all()
    assert (chip.read_corrections() == corrections.pack()).all()


def test_a_slew_limit_holds_for_corrections_and_the_host_goes_in_steps() -> None:
    device = sim_device(IMAGE, options=SimOptions(CodeLimits(max_move_code=5)))
    chip, corrections = client_of(device), random_corrections()
    chip.write_corrections(corrections)
    assert (chip.read_corrections() == corrections.pack()).all()
    far = Corrections(corrections.offset_q4 + 16 * 6, corrections.slope_q9, corrections.bow)

    with pytest.raises(SafetyError, match="further"):
        chip.session.exchange(correction_requests(far, chip.status().revision, 512))
    assert (chip.read_corrections() == corrections.pack()).all()


def test_codes_and_samples_in_one_exchange_give_what_two_give() -> None:
    chips = [client_of(sim_device(IMAGE, corner=CORNER)) for _ in range(2)]
    x, readout = random_events(6, 12), Readout(True, Dither(30, 20))
    codes = np.random.default_rng(4).integers(90, 160, (5, 20)).astype(np.uint8)
    for chip in chips:
        chip.load_samples(x)
    for row in codes:
        one = chips[0].write_and_present(row, np.arange(6), readout)
        chips[1].write_codes(row)
        two = chips[1].present_loaded(np.arange(6), readout)
        for a, b in zip(one.plain + one.plus + one.minus, two.plain + two.plus + two.minus, strict=True):
            assert (a == b).all()
    assert chips[0].read_codes()[1] == chips[1].read_codes()[1]
    assert chips[0].traffic.code_bytes_written == chips[1].traffic.code_bytes_written


def test_the_learning_state_is_that_of_the_rule() -> None:
    device = sim_device(IMAGE)
    chip = client_of(device)
    with pytest.raises(DeviceError, match="not started"):
        chip.learn_state()
    chip.load_samples(random_events(8, 12))
    chip.learn_start(LearnSettings())
    chip.learn_loaded(np.arange(8), np.arange(8) % 3, 700)
    accumulator, mean = chip.learn_state()
    state = device.chip.learner.state
    assert state is not None
    assert (accumulator == state.accumulator_q8).all()
    assert (mean == state.mean_q8).all()
    assert mean.any()


def test_a_device_loop_goes_on_from_its_last_commit() -> None:
    chip = client_of(sim_device(IMAGE, nv=MemoryNv()))
    slots, labels = np.arange(8), np.arange(8) % 3
    x = random_events(8, 12)
    chip.load_samples(x)
    chip.learn_start(LearnSettings())
    for step in range(4):
        if step == 2:
            chip.commit()
        chip.learn_loaded(slots, labels, 700)
    unbroken = (chip.read_codes()[0], *chip.learn_state())
    chip.reset()
    assert (chip.status().learning, chip.status().learning_step) == (True, 2)
    chip.load_samples(x)
    for _ in range(2):
        chip.learn_loaded(slots, labels, 700)
    for one, other in zip((chip.read_codes()[0], *chip.learn_state()), unbroken, strict=True):
        assert (one == other).all()


def test_a_device_loop_is_not_resumed_beyond_the_limits_of_the_device() -> None:
    nv = MemoryNv()
    chip = client_of(sim_device(IMAGE, nv=nv))
    chip.learn_start(LearnSettings(max_move_code=16))
    chip.commit()
    narrow = client_of(sim_device(IMAGE, nv=nv, options=SimOptions(CodeLimits(max_move_code=5))))
    assert not narrow.status().learning


@pytest.mark.parametrize(
    ("stimulus", "cause"),
    [
        (Stimulus(3, np.array([0]), np.ones(1, np.uint8)), "no such layer"),
        (Stimulus(0, np.array([12]), np.ones(1, np.uint8)), "no such input"),
    ],
)
def test_a_stimulus_that_the_chip_cannot_take_is_refused(stimulus: Stimulus, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        client_of(sim_device(IMAGE)).measure([Shot(None, stimulus)])


def test_a_chip_without_the_capability_says_so() -> None:
    chip = client_of(sim_device(IMAGE, options=SimOptions(capabilities=Capability.HIDDEN_SPIKES)))
    with pytest.raises(DeviceError, match="cannot"):
        chip.measure([Shot(None, a_stimulus())])
    with pytest.raises(DeviceError, match="cannot"):
        chip.write_corrections(random_corrections())
